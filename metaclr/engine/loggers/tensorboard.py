"""TensorBoard: event files in `tensorboard/` of the run folder; `tensorboard --logdir OUT/runs` shows all runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TensorBoard:
    """One `SummaryWriter`."""

    def __init__(self, writer: Any) -> None:
        self.writer = writer

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One scalar per name."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush and close the event file."""
        self.writer.close()


def start(folder: Path, resumed_at: int) -> TensorBoard:
    """An event file of the run; TensorBoard hides earlier values after step `resumed_at`."""
    from torch.utils.tensorboard import SummaryWriter

    path = folder / "tensorboard"
    again = {"purge_step": resumed_at + 1} if resumed_at and path.exists() else {}
    return TensorBoard(SummaryWriter(str(path), **again))
