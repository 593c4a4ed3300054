"""What `compare` and `bridge` share: the options of a comparison, and how its end is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metaclr.cli._options import data_root_option, device_option, read_seeds, set_option

if TYPE_CHECKING:
    from metaclr.api import Comparison


def comparison_options(*, seeds: str, out: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Options under the names that the functions of `metaclr.api` have for them. seeds, out: the defaults, in words."""
    options = (
        click.option(
            "--target",
            "targets",
            multiple=True,
            callback=lambda *given: given[-1] or None,
            help="Data to judge on, NAME[:PART]; may be repeated.",
        ),
        click.option(
            "--seeds",
            callback=lambda *given: read_seeds(given[-1]),
            help=f"How many seeds (3), or which (0,7,42) [{seeds}].",
        ),
        click.option("--steps", type=int, help="Optimizer steps of each training."),
        click.option(
            "--views-mode",
            type=click.Choice(["shared", "per-method"]),
            help="One view recipe for all, or each method's own.",
        ),
        click.option(
            "--quick", is_flag=True, help="Every part, small: under a minute or two, no numbers to be quoted."
        ),
        click.option("--out", type=click.Path(path_type=Path), help=f"Folder of the results [{out}]."),
        click.option(
            "--jobs", type=click.IntRange(min=1), default=1, help="Cells trained at the same time on this machine."
        ),
        click.option(
            "--ray", metavar="local|ADDRESS", help="Spread the cells over a Ray cluster (extra metaclr[ray])."
        ),
        device_option,
        data_root_option,
        set_option,
    )

    def add(command: Callable[..., None]) -> Callable[..., None]:
        wrapped: Any = command
        for option in reversed(options):
            wrapped = option(wrapped)
        found: Callable[..., None] = wrapped
        return found

    return add


def tell(result: Comparison, show: Callable[[Path], None], files: Sequence[str]) -> None:
    """Show what came out, name its files, and say what failed; of several ranks the first speaks.

    Raises:
        SystemExit: 1, where a cell failed.
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
