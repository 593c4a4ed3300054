"""Prototypes on many features begin far above guessing, as a remark says; with the temperature it names they do not."""

from __future__ import annotations

import json
from math import log
from pathlib import Path

import pytest
import torch

import metaclr
from episodes import ImageSet

TINY = ("train.batch_views=32", "evaluate.few_shot.episodes=10", "evaluate.low_label=false", "evaluate.linear=false",
        "evaluate.knn=false",
        "encoder.options={width=32}", "evaluate.few_shot.ways=[2]", "train.log_every=1")  # fmt: skip


def noise(seed: int) -> ImageSet:
    pixels = torch.randint(0, 256, (80, 3, 64, 64), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return ImageSet(pixels, torch.arange(80) % 8, tuple(f"{seed} {number}" for number in range(8)), name=f"noise{seed}")


def test_a_start_far_above_guessing_is_a_remark(tmp_path: Path) -> None:
    metaclr.compare(
        methods=["protonet", "protonet(temperature=64)", "simclr"],
        sources={"noise": noise(0)},
        targets={"other": noise(1)},
        steps=2,
        overrides=TINY,
        out=tmp_path / "out",
        quiet=True,
    )
    remarks = json.loads((tmp_path / "out" / "about.json").read_text())["remarks"]
    (line,) = [one for one in remarks if "guessing" in one]
    assert line.startswith("protonet, trained on noise: its loss began at ")
    assert f"one of 8 ways has {log(8):.1f}" in line
    began = float(line.split("began at ")[1].split(",")[0])
    named = float(line.split("protonet(temperature=")[1].split(")")[0])
    assert began / named == pytest.approx(log(8), rel=0.55)
    assert named >= 8
