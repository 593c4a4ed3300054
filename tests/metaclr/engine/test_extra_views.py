"""Mixed queries and turned copies: their pixels, their losses by hand, their decay; queues stay as they are."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metaclr.bridge import Objective, Queue, split
from metaclr.engine.extra_views import ExtraViews
from metaclr.engine.learner import Learner
from metaclr.errors import UserError
from metaclr.methods.tricks import Tricks
from tests.metaclr.engine.test_gradient_cache import batch, built


def group_norm(channels: int) -> nn.Module:
    return nn.GroupNorm(2, channels)


@pytest.mark.parametrize("mix", ["mixup", "cutmix", "both"])
def test_a_mixed_query_is_its_share_of_one_way_and_the_rest_of_another(mix: str) -> None:
    views = ExtraViews(Tricks(query_mix=mix), 6, seed=0)  # type: ignore[arg-type]
    kinds, shares = set(), []
    for step in range(60):
        pixels, episode = batch("simclr", step)
        drawn = views.draw(pixels, episode)
        assert drawn.mixed is not None
        query = pixels[:, :, 1:]
        blend = torch.lerp(query.flip(1), query, drawn.share)
        own = drawn.mixed == query
        if drawn.share in (0, 1):  # a box of nothing, or of everything
            assert torch.equal(drawn.mixed, query if drawn.share else query.flip(1))
        elif torch.allclose(drawn.mixed, blend):
            kinds.add("mixup")
        else:
            kinds.add("cutmix")
            assert (own | (drawn.mixed == query.flip(1))).all()
            assert own.double().mean().item() == pytest.approx(drawn.share, abs=1e-6)
        shares.append(drawn.share)
        again = views.draw(pixels, episode)
        assert again.mixed is not None
        assert torch.equal(drawn.mixed, again.mixed)
    assert kinds == ({"mixup", "cutmix"} if mix == "both" else {mix})
    low, high = (0.4, 0.6) if mix == "mixup" else (0.5, 0.9)  # a box that leaves the image is cut there
    assert low < sum(shares) / 60 < high


def test_the_loss_is_that_of_three_tasks() -> None:
    """L(S, Q) + lambda L(S, Q') + (1 - lambda) L(S, flip Q')."""
    learner = built("infonce", group_norm, Tricks(query_mix="mixup"))
    pixels, episode = batch("infonce")
    assert learner.extra_views is not None
    drawn = learner.extra_views.draw(pixels, episode)
    assert drawn.mixed is not None
    own, mixed = (learner.encoder(rows.flatten(0, 2)).view(1, 10, -1, 6) for rows in (pixels, drawn.mixed))
    task = learner.objective
    expected = task(own) + drawn.share * task(torch.cat([own[:, :, :1], mixed], 2))
    expected = expected + (1 - drawn.share) * task(torch.cat([own[:, :, :1], mixed.flip(1)], 2))
    torch.testing.assert_close(learner(pixels, episode)[0], expected)


def test_momentum_keys_of_mixed_views_are_those_of_the_momentum_encoder() -> None:
    learner = built("moco_v3", group_norm, Tricks(query_mix="cutmix"))
    pixels, episode = batch("moco_v3")
    loss, _ = learner(pixels, episode)
    loss.backward()
    assert loss.isfinite()
    with torch.no_grad():  # with equal ways, mixing changes nothing: three times the same loss of weights 1, l, 1 - l
        equal = pixels[:, :1].expand_as(pixels)
        learner.eval()
        extra, learner.extra_views = learner.extra_views, None
        alone = learner(equal, episode)[0]
        learner.extra_views = extra
        torch.testing.assert_close(learner(equal, episode)[0], 2 * alone)


def test_turned_copies_are_classified_and_the_weight_decays() -> None:
    learner = built("simclr", group_norm, Tricks(rotation_loss=0.5, rotation_share=0.5, rotation_decay=True))
    pixels, episode = batch("simclr")
    views = learner.extra_views
    assert views is not None
    assert views.head is not None
    drawn = views.draw(pixels, episode)
    assert drawn.turned is not None
    assert drawn.turns is not None
    assert len(drawn.turned) == 10
    assert set(drawn.turns.tolist()) <= {0, 1, 2, 3}
    for row, copy, turn in zip(pixels.flatten(0, 2), drawn.turned, drawn.turns.tolist(), strict=False):
        assert torch.equal(copy, torch.rot90(row, turn, (-2, -1)))
    logits = views.head(F.normalize(learner.encoder(drawn.turned), dim=-1))
    main = learner.objective(learner.encoder(pixels.flatten(0, 2)).view(1, 10, 2, 6))
    for step in range(4):
        expected = main + 0.5 * (math.cos(math.pi * step / 4) + 1) / 2 * F.cross_entropy(logits, drawn.turns)
        torch.testing.assert_close(learner(pixels, episode)[0], expected)
        learner.after_step(step + 1, 4)
    assert float(views.decay) == pytest.approx(0, abs=1e-7)


def test_a_queue_takes_the_support_once() -> None:
    objective = Objective(roles=split, negatives=Queue(64)).build(6)
    extra = ExtraViews(Tricks(query_mix="mixup"), 6, seed=0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 6))
    learner = Learner(network, nn.Identity(), objective, momentum=0.9, extra_views=extra).double().train()
    learner(*batch("simclr"))
    assert int(objective.negatives.queue.pushed) == 10  # type: ignore[union-attr]
    assert all(module.training for module in learner.modules())


@pytest.mark.parametrize(
    "wrong", [{"query_mix": "mixcut"}, {"koleo": -1}, {"rotation_share": 0}, {"rotation_decay": 1}, {"koleo": True}]
)
def test_values_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        Tricks(**wrong)  # type: ignore[arg-type]
