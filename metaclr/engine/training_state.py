"""The state of one training: what a checkpoint contains, and how it is restored."""

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
from metaclr.errors import UserError


class TrainingState:
    """Learner, optimizer, step, metric buffer and curve; learning rate and all randomness are functions of the step."""

    def __init__(
        self,
        learner: nn.Module,
        optimizer: torch.optim.Optimizer,
        settings: TrainSettings,
        folder: Path | None,
        *,
        identity: str,
        device: torch.device,
        is_writer: bool,
    ) -> None:
        """Restore the folder's checkpoint, if there is one.

        identity: hash of what else determines the run (data, method). is_writer: whether this rank writes files.

        Raises:
            UserError: the checkpoint is damaged, or of another run.
        """
        self.learner, self.optimizer, self.settings, self.folder = learner, optimizer, settings, folder
        self.fixed = {**settings.fixed(), "identity": identity}
        self.is_writer = is_writer and folder is not None
        self.window = MetricBuffer(settings.log_every, device)
        self.step = 0
        self.views = 0
        self.saved: tuple[Path, int] | None = None
        content = checkpoint.load(folder)
        rows = self._restore(content) if content else []
        self.curve = TrainingCurve(folder if self.is_writer else None, rows)

    def _restore(self, content: checkpoint.Content) -> list[dict[str, float]]:
        assert self.folder is not None
        path = self.folder / checkpoint.NAME
        checkpoint.check_same(path, content.settings, self.fixed)
        if content.step > self.settings.steps:
            raise UserError(
                f"checkpoint {path} is at step {content.step}, beyond steps = {self.settings.steps}; use another folder"
            )
        checkpoint.check_fits(path, self.learner, content.learner)
        with checkpoint.reading(path):
            self.learner.load_state_dict(content.learner)
            self.optimizer.load_state_dict(content.optimizer)
            self.window.restore(**content.window)
        self.step, self.views = content.step, content.views
        self.saved = path, self.step
        return content.curve

    def count(self, loss: Tensor, metrics: dict[str, Tensor], views: int) -> None:
        """Count a finished step and its views, and buffer its metrics."""
        self.step += 1
        self.views += views
        self.window.add(loss, metrics)

    def save(self) -> None:
        """Write a checkpoint of this step, unless it has been written already."""
        if self.folder is None or (self.saved and self.saved[1] == self.step):
            return
        if not self.is_writer:  # rank 0 writes it at the same step
            self.saved = self.folder / checkpoint.NAME, self.step
            return
        content: dict[str, Any] = {
            "step": self.step,
            "views": self.views,
            "settings": self.fixed,
            "learner": self.learner.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "window": self.window.state(),
            "curve": self.curve.rows,
        }
        self.saved = checkpoint.save(self.folder, content), self.step

    def check(self) -> None:
        """Refuse to continue, and above all to save, when a loss or a parameter is not finite; waits for the device.

        Raises:
            NonFiniteLoss: names the step, its learning rate and the last good checkpoint.
        """
        row = self.window.first_non_finite()
        if row is not None:
            raise self.non_finite("the loss is NaN or infinite", self.step - self.window.count + row + 1)
        weights = [p.detach() for p in self.learner.parameters() if p.is_floating_point()]
        if weights and not bool(torch.isfinite(torch.stack(list(torch._foreach_norm(weights)))).all()):
            raise self.non_finite("a parameter is NaN or infinite", self.step)

    def non_finite(self, what: str, step: int) -> NonFiniteLoss:
        """The error for a value that is not finite, at `step` (1, 2, ...)."""
        return NonFiniteLoss(what, step, rate(self.settings, step - 1), *(self.saved or (None, 0)))
