"""A training in a process of its own, for the tests that kill it.

`python trainee.py` reads lines "FOLDER DIES_IN_WRITE" and forks one training for each: it answers "began PID", "training" with the
first batch, then "ended CODE" with the child's exit code, negative for a signal. Forking spares each one the import of torch.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import stat
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # an optimiser imports it; once here, not in every child

from episodes import Episode, EpisodeSampler, TaskShape
from metaclr.engine import Interrupted, TrainSettings, checkpoint, train

STEPS = 60


def _small() -> Any:
    spec = importlib.util.spec_from_file_location("small", Path(__file__).with_name("conftest.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def child(small: Any, folder: Path, dies_in_write: int) -> int:
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

    checkpoint.os.fsync = cut

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


def main() -> None:
    torch.set_num_threads(1)
    small = _small()
    print("ready", flush=True)
    for line in sys.stdin:
        folder, dies = line.split()
        pid = os.fork()
        if pid == 0:
            print(f"began {os.getpid()}", flush=True)
            code = 70
            try:
                code = child(small, Path(folder), int(dies))
            except KeyboardInterrupt:
                code = 1
            except Exception:
                traceback.print_exc()
            finally:
                os._exit(code)
        print(f"ended {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}", flush=True)


if __name__ == "__main__":
    main()
