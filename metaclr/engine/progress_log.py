"""Clocks of a training: when to save, when to say something, and how fast it goes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from metaclr.engine.schedules import rate
from metaclr.engine.training_state import TrainingState

Progress = Callable[[int, int, float, float], None]
"""Called with step, steps, the last known loss, and views per second; a few times a second at most."""

QUIET_SECONDS = 0.25


class ProgressLog:
    """Reads the run's numbers where that costs nothing, and writes its curve."""

    def __init__(self, run: TrainingState, progress: Progress | None) -> None:
        self.run, self.progress = run, progress
        self.loss = math.nan
        now = time.monotonic()
        self.began = self.row_began = self.saved_at = now
        self.shown_at = -math.inf
        self.views_began = self.row_views = run.views

    @property
    def save_due(self) -> bool:
        """Whether the last checkpoint is too old."""
        return time.monotonic() - self.saved_at > self.run.settings.checkpoint_seconds

    def saved(self) -> None:
        """A checkpoint was just written."""
        self.saved_at = time.monotonic()

    def write(self) -> None:
        """One row of the curve: the mean over the window, which is then empty. Waits for the device."""
        run = self.run
        means = run.window.means()
        run.window.clear()
        now = time.monotonic()
        self.loss = means.pop("loss")
        start = {"step": float(run.step), "views": float(run.views), "loss": self.loss}
        speed = (run.views - self.row_views) / max(now - self.row_began, 1e-9)
        lr = rate(run.settings, run.step - 1)
        run.journal.add({**start, "lr": lr, **means, "views_per_second": round(speed, 1)})
        self.row_began, self.row_views = now, run.views

    def show(self) -> None:
        """Tell the caller how far it is, unless that was only just done."""
        now, run = time.monotonic(), self.run
        if self.progress is None or (now - self.shown_at < QUIET_SECONDS and run.step < run.settings.steps):
            return
        self.shown_at = now
        speed = (run.views - self.views_began) / max(now - self.began, 1e-9)
        self.progress(run.step, run.settings.steps, self.loss, speed)
