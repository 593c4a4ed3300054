"""The state of one training: what a checkpoint holds, and how it is put back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from metaclr.engine import checkpoint
from metaclr.engine.errors import NonFiniteLoss
from metaclr.engine.metric_buffer import MetricBuffer
from metaclr.engine.schedules import rate
from metaclr.engine.settings import TrainSettings
from metaclr.engine.training_curve import TrainingCurve


class TrainingState:
    """Learner, optimizer, step, window and journal; the schedule and all randomness are functions of the step."""

    def __init__(
        self,
        learner: nn.Module,
        optimizer: torch.optim.Optimizer,
        settings: TrainSettings,
        folder: Path | None,
        *,
        identity: str,
        device: torch.device,
        writes: bool,
    ) -> None:
        """Go on from the folder's checkpoint, if there is one.

        identity: a hash of what else the run depends on (data, method); writes: whether this rank is the writer.

        Raises:
            UserError: the checkpoint is damaged, or of another run.
        """
        self.learner, self.optimizer, self.settings, self.folder = learner, optimizer, settings, folder
        self.fixed = {**settings.fixed(), "identity": identity}
        self.writes = writes and folder is not None
        self.window = MetricBuffer(settings.log_every, device)
        self.step = 0
        self.views = 0
        self.saved: tuple[Path, int] | None = None
        there = checkpoint.load(folder)
        rows = self._restore(there) if there else []
        self.journal = TrainingCurve(folder if self.writes else None, rows)

    def _restore(self, there: dict[str, Any]) -> list[dict[str, float]]:
        assert self.folder is not None
        path = self.folder / checkpoint.NAME
        checkpoint.check_same(path, there["settings"], self.fixed)
        checkpoint.check_fits(path, self.learner, there["learner"])
        self.learner.load_state_dict(there["learner"])
        self.optimizer.load_state_dict(there["optimizer"])
        self.window.restore(**there["window"])
        self.step, self.views = there["step"], there["views"]
        self.saved = path, self.step
        rows: list[dict[str, float]] = there["curve"]
        return rows

    def count(self, loss: Tensor, metrics: dict[str, Tensor], views: int) -> None:
        """A step is done."""
        self.step += 1
        self.views += views
        self.window.add(loss, metrics)

    def save(self) -> None:
        """Write a checkpoint of this step, unless it is there already."""
        if self.folder is None or (self.saved and self.saved[1] == self.step):
            return
        if not self.writes:  # the first rank does, at the same step
            self.saved = self.folder / checkpoint.NAME, self.step
            return
        content = {
            "step": self.step,
            "views": self.views,
            "settings": self.fixed,
            "learner": self.learner.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "window": self.window.state(),
            "curve": self.journal.rows,
        }
        self.saved = checkpoint.save(self.folder, content), self.step

    def check(self) -> None:
        """Refuse to go on, and above all to save, when a loss or a parameter is no number; waits for the device.

        Raises:
            NonFiniteLoss: names the step, its learning rate and the last good checkpoint.
        """
        bad = self.window.bad()
        if bad is not None:
            raise self.broken("the loss is not finite", self.step - self.window.count + bad + 1)
        weights = [p.detach() for p in self.learner.parameters() if p.is_floating_point()]
        if weights and not bool(torch.isfinite(torch.stack(list(torch._foreach_norm(weights)))).all()):
            raise self.broken("a parameter is not finite", self.step)

    def broken(self, what: str, step: int) -> NonFiniteLoss:
        """The error for a number that is none, at `step` (1, 2, ...)."""
        return NonFiniteLoss(what, step, rate(self.settings, step - 1), *(self.saved or (None, 0)))
