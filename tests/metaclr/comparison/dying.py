"""A method whose worker is killed once, by SIGKILL, in the middle of its training."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from episodes import Episode
from metaclr.engine import Learner
from metaclr.methods import Method, get
from metaclr.networks import build_projector
from metaclr.networks.seeded_init import seeded

LIVES = "METACLR_TEST_LIVES"
"""Environment variable: a file with the process id of every training step; without it nothing dies."""
LAST = 4


class Dies(Learner):
    """A learner that writes down each step, and whose first life ends in its fourth."""

    def forward(self, pixels: Tensor, episode: Episode) -> tuple[Tensor, dict[str, Tensor]]:
        if path := os.environ.get(LIVES):
            with Path(path).open("a") as file:
                file.write(f"{os.getpid()}\n")
            if len(Path(path).read_text().splitlines()) == LAST:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(pixels, episode)


def build(encoder: Any, method: Method, *, seed: int, settings: Mapping[str, Any]) -> nn.Module:
    """As the engine's own learner for SimCLR."""
    projector = build_projector("mlp", int(encoder.features), hidden=16, dim=8, seed=seed)
    with seeded(seed, "objective"):
        return Dies(encoder, projector, get("simclr").objective.build(8))


METHOD = replace(get("simclr"), name="dies", learner=build)
