"""The geometry of a batch is that of the slower measures, and collapse during training is said once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import metaclr
from metaclr.diagnose import alignment, singular_values, uniformity
from metaclr.diagnose.online import MAX_ROWS, batch_geometry


@pytest.mark.parametrize("dim", [4, 80])
def test_it_is_what_the_whole_measures_say(dim: int) -> None:
    embeddings = torch.randn(2, 5, 4, dim, generator=torch.Generator().manual_seed(0))
    found = {name: float(value) for name, value in batch_geometry(embeddings).items()}
    rows = embeddings.flatten(0, 2)
    assert found["alignment"] == pytest.approx(alignment(embeddings.flatten(0, 1)), rel=1e-5)
    assert found["uniformity"] == pytest.approx(uniformity(rows), rel=1e-4)
    variances = singular_values(rows, centered=True, unit=True).square()
    ratio = float(variances.sum() ** 2 / variances.square().sum())
    assert found["rank_share"] == pytest.approx(ratio / dim, rel=1e-4)


def test_many_rows_are_sampled_and_a_point_is_finite() -> None:
    embeddings = torch.randn(1, 4 * MAX_ROWS, 2, 16, generator=torch.Generator().manual_seed(0))
    found = batch_geometry(embeddings)
    assert float(found["rank_share"]) == pytest.approx(1, rel=0.05)
    assert float(found["uniformity"]) == pytest.approx(uniformity(embeddings.flatten(0, 2)), abs=0.05)
    assert all(bool(value.isfinite()) for value in batch_geometry(torch.ones(1, 8, 2, 4)).values())


COLLAPSING = '''
"""Two views agree, and nothing keeps images apart: collapse."""
import torch
from dataclasses import dataclass
from metaclr.bridge.spec import ObjectiveSpec, Sizes
from metaclr.methods.method import Method

class Agree(torch.nn.Module):
    def forward(self, embeddings, context=None):
        return embeddings.square().sum(-1).mean() * 0 + (embeddings - 1).square().mean()

@dataclass(frozen=True)
class AgreeSpec(ObjectiveSpec):
    def module(self, sizes: Sizes):
        return Agree()

METHOD = Method(summary="collapses", reference="a test", objective=AgreeSpec(), projector="linear")
'''


def test_a_collapsing_training_is_warned_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "collapsing.py").write_text(COLLAPSING)
    small = ["train.batch_views=32", "encoder.options={width=8}", "train.lr=0.05", "train.log_every=5"]
    metaclr.train(str(tmp_path / "collapsing.py"), steps=60, overrides=small, out=tmp_path / "run", quiet=True)
    said = capsys.readouterr().err
    metaclr.train("simclr", steps=5, overrides=small, out=tmp_path / "healthy", quiet=False)
    healthy = capsys.readouterr().err
    assert said.count("is collapsing") == 1
    assert "collapsing" not in healthy
