"""A training for the tests that kill it: slow enough to be hit, with a checkpoint after every step."""

from __future__ import annotations

import os
import signal
import stat
import time
from pathlib import Path
from typing import Any

import torch

from episodes import Episode, EpisodeSampler, TaskShape
from metaclr.engine import Interrupted, TrainSettings, train

STEPS = 60


def child(small: Any, folder: Path, dies_in_write: int) -> int:
    """Train in `folder`; with `dies_in_write` = n, SIGKILL comes in the middle of the n-th write to disk."""
    sampler = EpisodeSampler(small.small_set(), TaskShape(way=8, shot=1, query=1, tasks=2), seed=3)
    writes = 0
    fsync = os.fsync

    def cut(handle: int) -> None:
        nonlocal writes
        writes += 1
        if writes == dies_in_write:  # half of the bytes are in the file, and then the lights go out
            if stat.S_ISREG(os.fstat(handle).st_mode):
                os.ftruncate(handle, os.fstat(handle).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(handle)

    os.fsync = cut

    said = False

    def pixels(episode: Episode) -> torch.Tensor:
        nonlocal said
        if not said:
            print("training", flush=True)
            said = True
        time.sleep(0.002)
        noise = (episode.views * 37 % 11).float() / 50
        return sampler.image_set.images[episode.images].float() / 255 + noise[..., None, None, None]

    settings = TrainSettings(steps=STEPS, log_every=7, checkpoint_seconds=1e-9, device="cpu", precision="fp32")
    try:
        train(small.small_learner(momentum=0.9), sampler, pixels, settings, folder)
    except Interrupted as interrupt:
        return interrupt.exit_code
    return 0
