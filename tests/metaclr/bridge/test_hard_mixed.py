"""Mixed negatives: which rows, how far mixed, and what is left without them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.bridge import (
    Context,
    HardMixed,
    Objective,
    Prototypes,
    Resample,
    Ridge,
    dot,
    raw,
    semi_normalized,
    split,
    squared_euclidean,
)
from metaclr.errors import UserError


def draw(ways: int = 5, views: int = 3, dim: int = 4) -> Tensor:
    return torch.randn(1, ways, views, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def loss(z: Tensor, mixed: HardMixed | None, context: Context | None = None) -> Tensor:
    similarity = semi_normalized if mixed is None else mixed.similarity
    axes = {} if mixed is None else {"negatives": mixed}
    settings = Objective(roles=split, embedding=raw, head=Prototypes(similarity), temperature=1.0, **axes)  # type: ignore[arg-type]
    value: Tensor = settings.build(z.shape[-1]).double().eval()(z, context)
    return value


def test_unmixed_they_are_the_nearest_rows_of_other_images() -> None:
    z = draw()
    rows, losses = z[0].flatten(0, 1), []
    for way in range(5):
        for q in z[0, way, 1:]:
            own = torch.arange(15) // 3 == way
            scores = (F.normalize(rows, dim=-1) @ q).masked_fill(own, float("-inf"))
            logits = torch.cat([F.normalize(z[0, :, 0], dim=-1) @ q, scores.topk(4).values])
            losses.append(logits.logsumexp(0) - logits[way])
    torch.testing.assert_close(loss(z, HardMixed(count=4, strength=0.0)), torch.stack(losses).mean())


def test_more_negatives_cost_more_and_mixed_ones_are_harder() -> None:
    z = draw()
    plain, few, many = loss(z, None), *(loss(z, HardMixed(count=n, strength=0.0)) for n in (2, 6))
    assert plain < few < many < loss(z, HardMixed(count=6, strength=0.5))


def test_fewer_rows_than_asked_for() -> None:
    """Two images of three views: each query has three rows of the other image, and all are taken."""
    z = draw(2)
    torch.testing.assert_close(loss(z, HardMixed(50, 0.0)), loss(z, HardMixed(3, 0.0)))


def test_an_image_that_is_a_way_twice_is_not_its_own_negative() -> None:
    z = draw(4)
    z[0, 3] = z[0, 0]
    same = Context(images=torch.tensor([[0, 1, 2, 0]]))
    assert loss(z, HardMixed(2, 0.0), same) < loss(z, HardMixed(2, 0.0), Context(images=torch.arange(4)[None]))


@pytest.mark.parametrize("similarity", [semi_normalized, dot, squared_euclidean])
def test_gradcheck(similarity: object) -> None:
    mixed = HardMixed(3, 0.5, similarity)  # type: ignore[arg-type]
    assert torch.autograd.gradcheck(lambda z: loss(z, mixed), (draw().requires_grad_(),))


def test_every_training_step_draws_other_mixtures() -> None:
    settings = Objective(
        roles=split, tasks=Resample(3, 4), embedding=raw, head=Prototypes(semi_normalized), negatives=HardMixed(3, 0.5)
    )
    module, z = settings.build(4, seed=1).double(), draw()
    first, second = module.eval()(z), module(z)
    assert torch.equal(first, second)
    module.train()
    steps = [module(z).item() for _ in range(3)]
    assert len(set(steps)) == 3
    assert int(module.negatives.calls) == 3  # type: ignore[union-attr, arg-type]
    other = settings.build(4, seed=1).double()
    other.load_state_dict(module.state_dict())
    assert other(z).item() == module(z).item()


def test_refusals() -> None:
    with pytest.raises(UserError, match=r"negatives\.count = 0"):
        HardMixed(count=0)
    with pytest.raises(UserError, match=r"negatives\.strength = 1\.5"):
        HardMixed(strength=1.5)
    with pytest.raises(UserError, match="does not go with"):
        Objective(roles=split, head=Ridge(), negatives=HardMixed())
