"""Training curves and results to TensorBoard, Weights & Biases or MLflow, through their own libraries.

`curve.csv` and `rows.csv` are written whatever happens here: a logger that fails warns once and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from metaclr.console import notify
from metaclr.errors import UserError, unknown
from metaclr.extras import how_to_get

LOGGERS = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}
"""Name -> the package that it needs. Each is a module of this folder with a function `start`."""


class Logger(Protocol):
    """One run of a logging library."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log numbers of one training step."""

    def close(self) -> None:
        """Write what is pending; the run can be opened again."""


Scalars = Callable[[int, Mapping[str, float]], None]


def check_loggers(names: Sequence[str]) -> None:
    """Check that every logger exists and is installed, before any work.

    Raises:
        UserError: an unknown name (with the nearest), or a missing package and how to get it.
    """
    for name in names:
        if name not in LOGGERS:
            raise unknown("logger", name, LOGGERS)
        if find_spec(LOGGERS[name]) is None:
            raise UserError(f"--log {name} needs the package {LOGGERS[name]!r}: {how_to_get(LOGGERS[name])}")


@contextmanager
def logging_to(names: Sequence[str], folder: Path | None, resumed_at: int = 0) -> Iterator[Scalars]:
    """Loggers of the run in `folder` while the block runs; they are given numbers by one call.

    Args:
        folder: of the run, which names it, and the comparison that it is in; None logs nothing.
        resumed_at: step that a training resumes from; later numbers of an interrupted call are replaced where a
            library can do that (TensorBoard).

    Raises:
        UserError: see `check_loggers`.
    """
    check_loggers(names)
    if folder is None or not names:
        yield lambda _step, _values: None
        return
    running: dict[str, Logger] = {}
    for name in names:
        _attempt(name, running, lambda name=name: running.update({name: _start(name, folder, resumed_at)}))  # type: ignore[misc]

    def scalars(step: int, values: Mapping[str, float]) -> None:
        finite = {key: float(value) for key, value in values.items() if float(value) == float(value)}
        for name, logger in list(running.items()):
            _attempt(name, running, lambda logger=logger: logger.scalars(step, finite))  # type: ignore[misc]

    try:
        yield scalars
    finally:
        for name, logger in list(running.items()):
            _attempt(name, running, logger.close)


def log_results(names: Sequence[str], folder: Path, step: int, values: Mapping[str, float]) -> None:
    """Log the measurements of a finished run at its last step; into the same run as its training."""
    if names and values:
        with logging_to(names, folder, step + 1) as scalars:
            scalars(step, values)


def place(folder: Path) -> tuple[str, str]:
    """The names of a run folder: (comparison or '', run): results/glyphs/runs/simclr-s0 is ('glyphs', 'simclr-s0')."""
    whole = folder.resolve()
    return (whole.parents[1].name if whole.parent.name == "runs" else ""), whole.name


def _start(name: str, folder: Path, resumed_at: int) -> Logger:
    started: Logger = import_module(f"{__name__}.{name}").start(folder, resumed_at)
    return started


def _attempt(name: str, running: dict[str, Logger], act: Callable[[], Any]) -> None:
    """Do it; a library that raises is left out from then on."""
    try:
        act()
    except Exception as error:
        notify(
            f"warning: --log {name} ends: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        )
        failed = running.pop(name, None)
        if failed is not None:
            with suppress(Exception):
                failed.close()
