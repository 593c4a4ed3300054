"""What `compare` and `bridge` share: the options of a comparison, and the lines printed when it ends."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from metaclr.cli._options import data_root_option, device_option, log_option, read_seeds, set_option

if TYPE_CHECKING:
    from metaclr.api import Comparison


def comparison_options(*, seeds: str, out: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Options named like the arguments of `metaclr.compare`.

    Args:
        seeds, out: the defaults, in words, for the help text.
    """
    options = (
        click.option(
            "--target",
            "targets",
            multiple=True,
            callback=lambda *given: given[-1] or None,
            help="Evaluate on this data set, NAME[:PART]; may be repeated [the recipe's targets].",
        ),
        click.option(
            "--seeds",
            callback=lambda *given: read_seeds(given[-1]),
            help=f"Train with this number of seeds, such as 3, or with a list of them, such as 0,7,42 [{seeds}].",
        ),
        click.option(
            "--steps", type=int, help="Train each method for this many optimizer steps [train.steps of the recipe]."
        ),
        click.option(
            "--from",
            "start",
            metavar="RUN|FILE",
            help="Train every method from these weights: a run, whose network is taken too, or a file of weights.",
        ),
        click.option(
            "--views-mode",
            type=click.Choice(["shared", "per-method"]),
            callback=lambda *given: given[-1] and given[-1].replace("-", "_"),
            help="Use one view recipe for all methods, or the one that each declares [views_mode of the recipe].",
        ),
        click.option(
            "--quick", is_flag=True, help="Shrink every part to finish in a minute or two; do not quote the numbers."
        ),
        click.option("--out", type=click.Path(path_type=Path), help=f"Write the results to this folder [{out}]."),
        click.option(
            "--jobs",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            help="Train this many runs at the same time on this machine.",
        ),
        click.option(
            "--ray",
            metavar="local|ADDRESS",
            help="Spread the runs over a Ray cluster: local, or its address (needs metaclr[ray]).",
        ),
        log_option,
        click.option("--trust", is_flag=True, help="Run the Python files that a recipe in a results folder names."),
        device_option,
        data_root_option,
        set_option,
    )

    def add(command: Callable[..., None]) -> Callable[..., None]:
        wrapped: Any = command
        for option in reversed(options):
            wrapped = option(wrapped)
        decorated: Callable[..., None] = wrapped
        return decorated

    return add


def print_results(result: Comparison, show: Callable[[Path], None], files: Sequence[str]) -> None:
    """Print the tables, the result files and the failed runs; of several ranks the first prints.

    Raises:
        SystemExit: 1, if a run failed.
    """
    from metaclr.console import is_main_process

    if is_main_process():
        show(result.folder)
        for what in files:
            click.echo(f"{what:18} {result.folder / what}")
        for run, reason in result.failures.items():
            click.echo(f"failed             {run}: {reason}")
    if result.failures:
        raise SystemExit(1)


class Terminated(KeyboardInterrupt):
    """SIGTERM before or after a training, which itself finishes its step and saves; `exit_code` is 128 + 15."""

    exit_code = 128 + signal.SIGTERM


@contextmanager
def terminable() -> Iterator[None]:
    """Turn SIGTERM into `Terminated` inside the block, which ends the command with one line and releases its lock."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise Terminated("SIGTERM; run the same command again to resume")

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
