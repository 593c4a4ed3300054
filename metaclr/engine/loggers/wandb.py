"""Weights & Biases: a run per run, grouped by comparison; project and mode are its own environment variables.

`WANDB_PROJECT` (metaclr by default), `WANDB_ENTITY`, and `WANDB_MODE=offline` for a machine without network.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metaclr.engine.loggers import place


class WandB:
    """One run of `wandb.init`."""

    def __init__(self, run: Any) -> None:
        self.run = run

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """All numbers of a step in one call. The step is a value of its own: wandb's must grow, ours may go back."""
        self.run.log({**values, "step": step})

    def close(self) -> None:
        """Upload what is pending."""
        self.run.finish()


def start(folder: Path, resumed_at: int) -> WandB:
    """A run that the same folder opens again."""
    import wandb

    del resumed_at  # a resumed run appends; its plots are over `step`
    group, name = place(folder)
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", "metaclr"),
        group=group or None,
        name=name,
        id=hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16],
        resume="allow",
        dir=str(folder),
        reinit=True,
    )
    run.define_metric("*", step_metric="step")
    return WandB(run)
