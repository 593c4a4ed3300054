"""A training on clusters, in a process that kills itself: `cluster_trainee.py METHOD FOLDER STEP`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch

import metaclr
from episodes import Episode, ImageSet
from metaclr.clusters.sampler import ClusterSampler

SETTINGS = {
    "cactus": {"clusters.by.clusters": 8, "clusters.rounds": 2, "clusters.start": 0.1},
    "uflst": {"clusters.by.neighbors": 6, "clusters.by.share": 0.05, "clusters.rounds": 2, "clusters.start": 0.1},
}
OVERRIDES = ["size=16", "encoder.options={width=8}", "train.batch_views=32", "train.checkpoint_seconds=1e-9"]


def trained(name: str, folder: Path) -> None:
    """60 steps on 96 unlabelled images of 8 kinds, with a checkpoint of every step; clustered before 6 and 33."""
    source = torch.Generator().manual_seed(0)
    kinds = torch.rand(8, 1, 16, 16, generator=source).repeat_interleave(12, 0)
    images = (255 * (0.7 * kinds + 0.3 * torch.rand(96, 1, 16, 16, generator=source))).to(torch.uint8)
    settings = SETTINGS[name]
    metaclr.train(
        name, ImageSet(images), settings=settings, steps=60, overrides=OVERRIDES, out=folder, device="cpu", quiet=True
    )


if __name__ == "__main__":
    method, folder, moment = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    draw = ClusterSampler.__call__

    def draw_or_die(sampler: ClusterSampler, step: int) -> Episode:
        if step == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return draw(sampler, step)

    ClusterSampler.__call__ = draw_or_die  # type: ignore[method-assign]
    trained(method, folder)
