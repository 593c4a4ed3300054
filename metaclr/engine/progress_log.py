"""Clocks of a training: when to save, when to report progress, and the views per second."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from metaclr.console import notify
from metaclr.diagnose.online import COLLAPSED
from metaclr.engine.loggers import Scalars
from metaclr.engine.schedules import rate
from metaclr.engine.training_state import TrainingState

Progress = Callable[[int, int, float, float], None]
"""Called with step, steps, the last known loss, and views per second, at most every `QUIET_SECONDS`."""

QUIET_SECONDS = 0.25


class ProgressLog:
    """Writes the training curve and reports progress."""

    def __init__(self, state: TrainingState, progress: Progress | None, scalars: Scalars) -> None:
        """scalars: is given each row of the curve too."""
        self.state, self.progress, self.scalars = state, progress, scalars
        self.loss = math.nan
        now = time.monotonic()
        self.began = self.row_began = self.saved_at = now
        self.shown_at = -math.inf
        self.views_began = self.row_views = state.views
        self.warned = False

    @property
    def save_due(self) -> bool:
        """Whether the last checkpoint is older than `checkpoint_seconds`."""
        return time.monotonic() - self.saved_at > self.state.settings.checkpoint_seconds

    def saved(self) -> None:
        """Restart the clock of checkpoints."""
        self.saved_at = time.monotonic()

    def write(self) -> None:
        """Append the means of the metric buffer to the curve and empty the buffer; waits for the device."""
        state = self.state
        means = state.window.means()
        state.window.clear()
        now = time.monotonic()
        self.loss = means.pop("loss")
        start = {"step": float(state.step), "views": float(state.views), "loss": self.loss}
        speed = (state.views - self.row_views) / max(now - self.row_began, 1e-9)
        lr = rate(state.settings, state.step - 1)
        row = {**start, "lr": lr, **means, "views_per_second": round(speed, 1)}
        state.curve.add(row)
        self.scalars(state.step, {f"train/{name}": value for name, value in row.items() if name != "step"})
        self.row_began, self.row_views = now, state.views
        self._warn(means.get("embedding_std", math.inf))

    def _warn(self, spread: float) -> None:
        """Say once that the embeddings have collapsed."""
        if spread < COLLAPSED and self.progress is not None and not self.warned:
            self.warned = True
            notify(
                f"warning: step {self.state.step}: all embeddings have nearly the same direction (embedding_std "
                f"{spread:.2g}; even: 1), so the encoder is collapsing"
            )

    def show(self) -> None:
        """Report progress, at most every `QUIET_SECONDS` and at the last step."""
        now, state = time.monotonic(), self.state
        if self.progress is None or (now - self.shown_at < QUIET_SECONDS and state.step < state.settings.steps):
            return
        self.shown_at = now
        speed = (state.views - self.views_began) / max(now - self.began, 1e-9)
        self.progress(state.step, state.settings.steps, self.loss, speed)
