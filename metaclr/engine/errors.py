"""How a training ends before its last step."""

from __future__ import annotations

import signal
from pathlib import Path

from metaclr.errors import UserError


class NonFiniteLoss(UserError):  # noqa: N818 - what it is, not that it is one
    """The loss, or a parameter, is no longer a number."""

    def __init__(self, what: str, step: int, lr: float, kept: Path | None, kept_step: int) -> None:
        good = f"last good checkpoint: {kept} (step {kept_step})" if kept else "there is no checkpoint yet"
        super().__init__(f"{what} at step {step} with learning rate {lr:.3g}; {good}; try a lower lr or clip")
        self.step, self.lr, self.checkpoint = step, lr, kept


class Interrupted(KeyboardInterrupt):
    """Stopped by Ctrl-C or SIGTERM, after a whole step and a checkpoint. `exit_code` is the shell's 128 + signal."""

    def __init__(self, number: int, step: int, steps: int, kept: Path | None) -> None:
        where = f"saved in {kept}; the same command goes on from there" if kept else "nothing was saved"
        super().__init__(f"{signal.Signals(number).name} at step {step} of {steps}; {where}")
        self.step, self.exit_code, self.checkpoint = step, 128 + number, kept
