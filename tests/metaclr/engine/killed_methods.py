"""Train each named set-up in a child that kills itself in the fifth step, resume it, and compare with a whole run.

Arguments: a folder. Prints a line for each set-up, "NAME equal" or "NAME differs: TENSOR".
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch
import torch._dynamo  # an optimizer imports it; once here, not in every child
from torch import Tensor, nn

from episodes import Episode, EpisodeSampler, ImageSet, TaskShape
from metaclr import methods
from metaclr.engine import Learner, TrainSettings, train
from metaclr.engine.extra_views import ExtraViews
from metaclr.methods.tricks import Tricks

STEPS, DIES_AT = 8, 4
SMALL = {
    "moco": {"size": 24}, "moco_v3": {"hidden": 8}, "nnclr": {"size": 24, "hidden": 8},
    "swav": {"prototypes": 9, "frozen_steps": 5}, "dino": {"prototypes": 9}, "lejepa": {"directions": 8}, "sogclr": {},
    "caml": {}, "snail": {}, "hms": {}, "unisiam": {}, "camelu": {},
}  # fmt: skip
SETUPS: dict[str, tuple[str, Tricks, int]] = {name: (name, Tricks(), 0) for name in SMALL}
SETUPS["tricks"] = ("moco", Tricks(rotation_loss=0.3, rotation_decay=True, query_mix="both", koleo=0.1), 0)
SETUPS["cached"] = ("dino", Tricks(), 6)


def images() -> ImageSet:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (80, 1, 8, 8), dtype=torch.uint8, generator=generator)
    return ImageSet(pixels, torch.arange(8).repeat_interleave(10))


def run(setup: str, folder: Path, dies_at: int = -1) -> Learner:
    name, tricks, chunk = SETUPS[setup]
    method = methods.get(name)
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 6))
    objective = method.objective.build(6, dataset_size=80, **SMALL[name])
    extra = ExtraViews(tricks, 6, seed=0) if tricks.draws_views else None
    learner = Learner(encoder, nn.Linear(6, 6), objective, momentum=method.momentum, extra_views=extra)
    shape = TaskShape(way=8, shot=method.shot, query=method.query)
    labels = "given" if method.way_type == "classes" else "instance"
    sampler = EpisodeSampler(images(), shape, way_type=method.way_type, labels=labels, seed=3)

    def pixels(episode: Episode) -> Tensor:
        if episode.step == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        noise = (episode.views * 37 % 11).float() / 50
        return sampler.image_set.images[episode.images].float() / 255 + noise[..., None, None, None]

    settings = TrainSettings(
        steps=STEPS, checkpoint_seconds=1e-9, device="cpu", precision="fp32", chunk_views=chunk, log_every=3
    )
    train(learner, sampler, pixels, settings, folder)
    return learner


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    for setup in SETUPS:
        child = os.fork()
        if child == 0:
            run(setup, folder / setup, DIES_AT)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, setup
        stored = torch.load(folder / setup / "checkpoint.pt", weights_only=True)
        assert stored["step"] == DIES_AT, (setup, stored["step"])
        whole, resumed = run(setup, folder / f"{setup} whole").state_dict(), run(setup, folder / setup).state_dict()
        wrong = [name for name, value in whole.items() if not torch.equal(value, resumed[name])]
        moved = [name for name, value in whole.items() if not torch.equal(value, stored["learner"][name])]
        assert moved, setup
        print(f"{setup} differs: {wrong[0]}" if wrong else f"{setup} equal")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
