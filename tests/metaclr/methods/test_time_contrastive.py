"""The time-contrastive loss against a loop over triplets, and a training that brings near frames together."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch

import metaclr
from metaclr.bridge.losses.time_contrastive import TimeContrastive
from metaclr.errors import UserError


def test_loss_is_the_mean_hinge_of_all_triplets() -> None:
    z = torch.randn(3, 2, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows, terms = 10 * z / z.norm(dim=-1, keepdim=True), []
    for task in rows:
        for way in (0, 1):
            for anchor, positive in permutations(range(3), 2):
                for negative in task[1 - way]:
                    near = (task[way, anchor] - task[way, positive]).square().sum()
                    far = (task[way, anchor] - negative).square().sum()
                    terms.append(max(0.0, float(near - far + 2)))
    expected = sum(terms) / len(terms)
    assert len(terms) == 3 * 2 * 6 * 3
    assert metaclr.objective("time_contrastive")(z).item() == pytest.approx(expected, rel=1e-9)
    assert metaclr.objective("time_contrastive")(z[:, :1]).item() == 0
    with pytest.raises(UserError, match="margin = 0"):
        TimeContrastive(margin=0)
