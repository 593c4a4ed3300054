"""TABi's loss by a loop over its definition; types are the groups of classes; what it needs is refused in one line."""

from __future__ import annotations

import pytest
import torch

import metaclr
from metaclr import methods
from metaclr.bridge import Context
from metaclr.comparison.labels.class_types import class_types
from metaclr.data import load
from metaclr.errors import UserError
from tests.metaclr.comparison import small
from tests.reference import log_sum_exp, mean


def term(rows: list[torch.Tensor], same: list[int], tau: float) -> float:
    """HazyResearch/tabi losses.py, SupConLoss: own positive and negatives in the denominator; without the factor."""
    losses = []
    for i, anchor in enumerate(rows):
        logits = [float(anchor @ row) / tau for row in rows]
        negatives = [logits[j] for j in range(len(rows)) if same[j] != same[i]]
        positives = [logits[j] for j in range(len(rows)) if same[j] == same[i] and j != i]
        if positives:
            losses.append(mean([log_sum_exp([p, *negatives]) - p for p in positives]))
    return mean(losses)


def test_the_loss_is_that_of_the_loop() -> None:
    z = torch.randn(1, 6, 3, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    unit = z[0] / z[0].norm(dim=-1, keepdim=True)
    types = [0, 1, 0, 2, 1, 0]
    rows = [unit[n, v] for n in range(6) for v in range(3)]  # view 0 is the entity, the others are its mentions
    entity = term(rows, [n for n in range(6) for _ in range(3)], 0.05)
    mentions = [unit[n, v] for n in range(6) for v in (1, 2)]
    kinds = term(mentions, [types[n] for n in range(6) for _ in (1, 2)], 0.05)
    context = Context(labels=torch.arange(6)[None], types=torch.tensor([types]), shot=1)
    loss = metaclr.objective("tabi")(z, context)
    assert loss.item() == pytest.approx(0.9 * entity + 0.1 * kinds, rel=1e-9)


def test_types_are_the_groups_of_the_texts() -> None:
    images = load("glyphs:greek+armenian")
    method = methods.get("tabi")
    types = class_types(method, images)
    assert types is not None
    assert method.positives is not None
    texts = method.positives.labelled(images)
    assert len(types) == texts.classes
    for text, kind in zip(texts.class_names, types.tolist(), strict=True):
        assert text.split()[0].capitalize() == sorted({"Greek", "Armenian"})[kind]
    assert class_types(methods.get("simclr"), images) is None
    budget = ["encoder.options={width=8}", "train.batch_views=32"]
    metaclr.train("tabi", images, steps=3, overrides=budget, device="cpu", quiet=True)


def test_images_without_groups_are_refused() -> None:
    with pytest.raises(UserError, match="reads types of classes"):
        metaclr.train("tabi", small.stripes(), steps=1, overrides=["size=16"], device="cpu", quiet=True)
    with pytest.raises(UserError, match="several ways share"):
        metaclr.train("tabi", small.stripes(), settings={"positives": "patch"}, steps=1, device="cpu", quiet=True)
