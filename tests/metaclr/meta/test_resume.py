"""Stopped in the middle and resumed, a meta-learner is bit-equal to one that ran through, annealing and moments too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from episodes import Episode, EpisodeSampler, ImageSet, TaskShape, ViewRecipe, render
from metaclr import methods
from metaclr.engine import TrainSettings, train
from metaclr.networks import build_encoder

SETTINGS = TrainSettings(steps=8, log_every=3, device="cpu", checkpoint_seconds=1e-9)
MAML_PLUS_PLUS = {
    "inner_steps": 2, "rates": "layer_step", "multi_step": 0.75, "first_order_until": 0.5, "statistics": "per_step"
}  # fmt: skip


def images() -> ImageSet:
    made = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (80, 1, 16, 16), generator=made).to(torch.uint8)
    return ImageSet(pixels, torch.arange(8).repeat_interleave(10), name="noise")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("maml", MAML_PLUS_PLUS),
        ("metasgd", {}),
        ("anil", {}),
        ("reptile", {"inner_steps": 2}),
        ("imaml", {"inner_steps": 2}),
    ],
)
def test_resumed_is_bit_equal(name: str, settings: dict[str, Any], tmp_path: Path) -> None:
    method = methods.get(name)
    assert method.learner is not None
    shape = TaskShape(8, method.shot, method.query, tasks=2)
    sampler = EpisodeSampler(images(), shape, way_type="classes", labels="given", seed=0)

    def run(folder: Path, stop: int | None = None) -> nn.Module:
        def draw(step: int) -> Episode:
            if step == stop:
                raise RuntimeError("power cut")
            return sampler(step)

        assert method.learner is not None
        learner = method.learner(build_encoder("conv4", 1, 16, seed=0, width=4), method, seed=0, settings=settings)
        return train(learner, draw, lambda e: render(images(), e, ViewRecipe(), seed=0), SETTINGS, folder).learner

    whole = run(tmp_path / "whole").state_dict()
    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path / "parts", stop=5)
    resumed = run(tmp_path / "parts").state_dict()
    assert list(whole) == list(resumed)
    assert all(torch.equal(value, resumed[key]) for key, value in whole.items())
