"""CPC's loss by a loop over patches; a context that sees nothing below it; ways of all patches in their order."""

from __future__ import annotations

from math import log
from pathlib import Path

import pandas as pd
import pytest
import torch

import metaclr
from episodes import TaskShape
from metaclr import methods
from metaclr.bridge.losses.row_prediction import RowPrediction
from metaclr.errors import UserError
from metaclr.positives.patch import Patch
from metaclr.positives.source import Draw
from tests.metaclr.comparison import small
from tests.reference import log_sum_exp, mean


def test_the_loss_is_that_of_the_loop() -> None:
    z = torch.randn(1, 3, 16, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    module = metaclr.objective("cpc", dim=6, hidden=8, blocks=2).double()
    grid = z[0].unflatten(1, (4, 4)).movedim(-1, 1)
    seen = grid
    for block in module.context:
        seen = seen + block(seen)
    targets, predictions = module.target(grid).detach(), 0.1 * module.prediction(seen.relu()).detach()
    everything = [targets[b, :, r, c] for b in range(3) for r in range(4) for c in range(4)]
    of_offset = []
    for below in (2, 3):
        losses = []
        for b in range(3):
            for r in range(4 - below):
                for c in range(4):
                    p = predictions[b, :, r, c]
                    own = float(p @ targets[b, :, r + below, c])
                    losses.append(log_sum_exp([float(p @ t) for t in everything]) - own)
        of_offset.append(mean(losses))
    assert module(z).item() == pytest.approx(mean(of_offset), rel=1e-9)


def test_the_context_sees_no_row_below() -> None:
    module = RowPrediction(hidden=8, blocks=5).build(6)
    grid = torch.randn(1, 6, 4, 4, generator=torch.Generator().manual_seed(0))

    def context(rows: torch.Tensor) -> torch.Tensor:
        for block in module.context:
            rows = rows + block(rows)
        return rows

    changed = grid.clone()
    changed[:, :, 2:] += 1
    same = torch.isclose(context(grid), context(changed)).all(1)[0]
    assert same[:2].all()
    assert not same[2:].any()
    above = grid.clone()
    above[:, :, 0] += 1
    assert not torch.isclose(context(grid), context(above)).all(1)[0].any()


def test_ways_are_all_patches_in_order() -> None:
    images = small.stripes(6, 5)
    method = methods.get("cpc")
    source = Patch(grid=4, whole=True)
    draw = Draw(source.rendered(images), len(images), TaskShape(5, 1, 15), method, seed=0)
    episode = source.sampler(draw)(2)
    assert (episode.images % 16 == torch.arange(16)).all()
    assert len((episode.images // 16).unique()) == 5
    with pytest.raises(UserError, match="set shot=1, query=8"):
        metaclr.train("simclr", images, settings={"positives": "patch", "patch.whole": True}, steps=1,
                      overrides=["size=16"], device="cpu", quiet=True)  # fmt: skip
    with pytest.raises(UserError, match="needs all patches of a square grid"):
        metaclr.objective("cpc")(torch.randn(1, 3, 4, 128))


def test_it_learns_to_predict(tmp_path: Path) -> None:
    """The loss falls below that of guessing among the 96 patches of a batch."""
    metaclr.train(
        "cpc", small.stripes(6, 20), steps=60, device="cpu", quiet=True, out=tmp_path,
        overrides=["size=16", "encoder.options={width=16}", "train.batch_views=96", "views=identity"],
    )  # fmt: skip
    losses = pd.read_csv(tmp_path / "curve.csv").loss
    assert losses.iloc[-1] < 0.9 * log(96)
