"""The bound of a batch: InfoNCE at the full batch, below it and rising elsewhere, by enumeration of all batches."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
import torch
import torch.nn.functional as F

from metaclr.bridge import Objective, Pairs, dot, split, unit_norm
from metaclr.diagnose.batch_bound import batch_bounds
from metaclr.errors import UserError


def draw(images: int) -> torch.Tensor:
    return torch.randn(images, 2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_the_whole_set_is_info_nce() -> None:
    views = draw(40)
    loss = Objective(roles=split, embedding=unit_norm, head=Pairs(dot), temperature=0.2).build(4)
    swapped = views.flip(1)[None]  # the first view is the support there, and the query here
    assert batch_bounds(views, [40])[40] == pytest.approx(loss(swapped).item(), rel=1e-9)


def test_a_batch_is_the_mean_over_all_batches() -> None:
    views = draw(7)
    unit = F.normalize(views, dim=-1)
    logits = unit[:, 0] @ unit[:, 1].T / 0.2
    terms = []
    for anchor in range(7):
        others = [n for n in range(7) if n != anchor]
        for chosen in combinations(others, 2):
            total = 6 / 2 * sum(math.exp(logits[anchor, n]) for n in chosen) + math.exp(logits[anchor, anchor])
            terms.append(math.log(total) - float(logits[anchor, anchor]))
    assert batch_bounds(views, [3], draws=4000)[3] == pytest.approx(sum(terms) / len(terms), rel=0.01)


def test_it_rises_with_the_batch() -> None:
    values = list(batch_bounds(draw(300), [4, 16, 64, 300], draws=4).values())
    assert values == sorted(values)
    assert values[0] < values[-1] - 0.05


def test_a_batch_beyond_the_images_is_refused() -> None:
    with pytest.raises(UserError, match="from 2 to the 7 images"):
        batch_bounds(draw(7), [8])
