"""A training that stops after its fifth step and resumes is bit-equal to one that does not, for sources with state."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import metaclr
import metaclr.engine
from tests.metaclr.comparison import small

SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "patch": ("moco", {"positives": "patch", "size": 16}),
    "time": ("time_contrastive", {}),
    "neighbour": ("simclr", {"positives": "neighbour", "neighbour.rounds": 1, "neighbour.start": 0.25}),
    "pair": ("byol", {"positives": "pair", "pair.drop": 0.3, "hidden": 16}),
    "mixture": ("byol", {"positives": "patch+2*neighbour", "neighbour.rounds": 1, "neighbour.start": 0.25}),
    "views": ("simclr", {"learned_views": 0.05}),
}


def trained(name: str, folder: Path) -> dict[str, torch.Tensor]:
    method, settings = SETTINGS[name]
    metaclr.train(
        method, small.stripes(6, 8), settings=settings, steps=8, out=folder, device="cpu", quiet=True,
        overrides=["size=16", "encoder.options={width=4}", "train.batch_views=16", "train.checkpoint_seconds=1e-9"],
    )  # fmt: skip
    saved: dict[str, torch.Tensor] = torch.load(folder / "checkpoint.pt", weights_only=True)["learner"]
    return saved


@pytest.mark.parametrize("name", SETTINGS)
def test_stopped_and_resumed_to_the_same_bits(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = trained(name, tmp_path / "whole")
    loop = sys.modules["metaclr.engine.train"]  # the package has the function under that name
    after = loop._after_step

    def stop(state: Any, *rest: Any) -> None:
        after(state, *rest)
        if state.step == 5:
            raise RuntimeError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_after_step", stop)
        with pytest.raises(RuntimeError, match="stopped"):
            trained(name, tmp_path / "other")
    other = trained(name, tmp_path / "other")
    assert whole.keys() == other.keys()
    assert not [key for key in whole if not torch.equal(whole[key], other[key])]
