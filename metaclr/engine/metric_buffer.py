"""Losses and metrics of the last steps, stored on the device so that no step waits for the device."""

from __future__ import annotations

import torch
from torch import Tensor

from metaclr.engine.distributed import average


class MetricBuffer:
    """A buffer (size, 1 + metrics) of float64 rows, one a step: the loss, then the metrics in alphabetical order."""

    def __init__(self, size: int, device: torch.device) -> None:
        self.size, self.device = size, device
        self.names: tuple[str, ...] = ()
        self.count = 0
        self.values = self._rows(1)

    def add(self, loss: Tensor, metrics: dict[str, Tensor]) -> None:
        """Store one step's loss and metrics (0-d tensors) without waiting for the device."""
        names = ("loss", *sorted(metrics))
        if names != self.names:
            if self.count:
                raise ValueError(f"a learner's metrics changed from {self.names} to {names}")
            self.names, self.values = names, self._rows(len(names))
        numbers = [loss.detach(), *(metrics[name].detach() for name in names[1:])]
        self.values[self.count] = torch.stack([number.double() for number in numbers])
        self.count += 1

    @property
    def full(self) -> bool:
        """Whether there is no room for another step."""
        return self.count == self.size

    def first_non_finite(self) -> int | None:
        """Index of the first row whose loss is NaN or infinite, None if all are finite; waits for the device."""
        finite = torch.isfinite(self.values[: self.count, 0]).cpu()
        return None if bool(finite.all()) else int((~finite).int().argmax())

    def means(self) -> dict[str, float]:
        """Mean of each column over the stored steps and over ranks; waits for the device."""
        means = average(self.values[: self.count].mean(0)).tolist()
        return dict(zip(self.names, means, strict=True))

    def clear(self) -> None:
        """Empty the buffer."""
        self.count = 0

    def state(self) -> dict[str, object]:
        """Names (1 + metrics) and rows for a checkpoint."""
        return {"names": list(self.names), "values": self.values[: self.count].cpu()}

    def restore(self, names: list[str], values: Tensor) -> None:
        """Continue with a checkpoint's rows."""
        self.names, self.count = tuple(names), len(values)
        self.values = self._rows(max(len(names), 1))
        self.values[: self.count] = values

    def _rows(self, columns: int) -> Tensor:
        return torch.zeros(self.size, columns, dtype=torch.float64, device=self.device)
