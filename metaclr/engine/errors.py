"""How a training ends before its last step."""

from __future__ import annotations

import signal
from pathlib import Path

from metaclr.errors import UserError


class NonFiniteLoss(UserError):  # noqa: N818 - what it is, not that it is one
    """The loss or a parameter is NaN or infinite."""

    def __init__(self, what: str, step: int, lr: float, saved_in: Path | None, saved_step: int) -> None:
        good = f"last good checkpoint: {saved_in} (step {saved_step})" if saved_in else "there is no checkpoint yet"
        super().__init__(f"{what} at step {step} with learning rate {lr:.3g}; {good}; try a lower lr or clip")
        self.step, self.lr, self.checkpoint = step, lr, saved_in


class Interrupted(KeyboardInterrupt):
    """Stopped by SIGINT or SIGTERM, after a finished step and a checkpoint. `exit_code` is the shell's 128 + signal."""

    def __init__(self, number: int, step: int, steps: int, saved_in: Path | None) -> None:
        where = f"saved in {saved_in}; run the same command again to resume" if saved_in else "nothing was saved"
        super().__init__(f"{signal.Signals(number).name} at step {step} of {steps}; {where}")
        self.step, self.exit_code, self.checkpoint = step, 128 + number, saved_in
