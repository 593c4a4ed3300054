"""Views by a network trained against the encoder: their budget, what they depend on, and whose loss falls and rises."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import metaclr
from episodes import EpisodeSampler, TaskShape, to_float
from metaclr.bridge import Objective
from metaclr.engine.learned_views import LearnedViews
from metaclr.engine.learner import Learner
from metaclr.errors import UserError
from metaclr.networks.seeded_init import seeded
from metaclr.networks.viewmaker import Viewmaker
from metaclr.recipe import find, read, resolve
from metaclr.results.tables.footnotes import _views
from tests.metaclr.comparison import small


def batch(step: int = 0) -> tuple[torch.Tensor, object]:
    images = small.stripes(4, 6)
    episode = EpisodeSampler(images, TaskShape(6, 1, 1), seed=0)(step)
    return 0.3 + 0.4 * to_float(images.images)[episode.images], episode


def views(budget: float = 0.05) -> LearnedViews:
    with seeded(0, "test"):
        return LearnedViews(1, (16, 16), budget, seed=0)


def test_changes_have_the_budget_and_are_functions_of_image_and_view() -> None:
    pixels, episode = batch()
    made = views()(pixels, episode)  # type: ignore[arg-type]
    change = (made - pixels).abs().mean((3, 4, 5))
    assert ((change - 0.05).abs() < 0.002).all()  # far from 0 and 1, where they would be clipped
    assert made.min() >= 0
    assert made.max() <= 1
    assert not torch.allclose(made[:, :, 0], made[:, :, 1], atol=1e-3)
    torch.testing.assert_close(views()(pixels, episode), made)  # type: ignore[arg-type]
    part = type(episode)(episode.images[:, 2:4], episode.views[:, 2:4], episode.labels[:, 2:4], 1, episode.step)  # type: ignore[attr-defined]
    torch.testing.assert_close(views()(pixels[:, 2:4], part), made[:, 2:4], atol=1e-5, rtol=1e-4)


def learner(learned: nn.Module | None) -> Learner:
    with seeded(1, "test"):
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(256, 16))
    return Learner(encoder, nn.Identity(), Objective(temperature=0.2).build(16), learned_views=learned)


def test_the_gradient_of_the_views_alone_is_reversed() -> None:
    pixels, episode = batch()
    of_views = views()
    one = learner(of_views)
    one(pixels, episode)[0].backward()  # type: ignore[arg-type]
    plain = views()
    other = learner(None)
    made = pixels + _change(plain, pixels, episode)
    other(made.clamp(0, 1), episode)[0].backward()  # type: ignore[arg-type]
    for mine, theirs in zip(one.encoder.parameters(), other.encoder.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)
    for mine, theirs in zip(of_views.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, -theirs.grad, atol=1e-7, rtol=1e-3)  # type: ignore[operator]


def _change(of: LearnedViews, pixels: torch.Tensor, episode: object) -> torch.Tensor:
    """The change by the formula, without the reversed gradient."""
    found: dict[str, torch.Tensor] = {}
    forward = of.network.forward

    def keep(images: torch.Tensor, noise: object) -> torch.Tensor:
        found["change"] = forward(images, noise)  # type: ignore[arg-type]
        return found["change"].detach()

    of.network.forward = keep  # type: ignore[method-assign, assignment]
    of(pixels, episode)  # type: ignore[arg-type]
    change = found["change"]
    return (0.05 * change / (change.abs().mean((1, 2, 3), keepdim=True) + 1e-4)).view_as(pixels)


def test_trained_alone_the_views_raise_the_loss() -> None:
    of_views = views(0.2)
    one = learner(of_views)
    optimizer = torch.optim.Adam(of_views.parameters(), 0.001)
    losses = []
    for _ in range(12):
        loss = one(*batch())[0]  # type: ignore[arg-type]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] > losses[0] + 0.5


def test_any_method_takes_them_and_what_cannot_is_refused() -> None:
    train = {
        "steps": 2,
        "overrides": ["size=16", "encoder.options={width=8}", "train.batch_views=16", "views=identity"],
    }
    for name in ("simclr", "byol"):
        encoder = metaclr.train(
            name,
            small.stripes(),
            settings={"learned_views": 0.05},
            device="cpu",
            quiet=True,
            **train,  # type: ignore[arg-type]
        )
        assert not any(isinstance(module, Viewmaker) for module in encoder.modules())
    for settings, words in (
        ({"learned_views": 1.5}, "up to 1"),
        ({"learned_views": 0.05, "positives": "pair"}, "the support of a pair is a text"),
    ):
        with pytest.raises(UserError, match=words):
            metaclr.train("simclr", small.stripes(), settings=settings, device="cpu", quiet=True, **train)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="at least 8 pixels"):
        LearnedViews(1, (4, 4), 0.05, seed=0)
    with pytest.raises(UserError, match="learned_views"):
        metaclr.train(
            "simclr", small.stripes(), settings={"learned_views": 0.05}, steps=1, device="cpu", quiet=True,
            overrides=["size=16", "train.batch_views=16", "train.chunk_views=8"],
        )  # fmt: skip


def test_the_shipped_recipe_changes_nothing_but_the_views_and_says_so() -> None:
    recipe = resolve(read(find("learned_views")))
    described = _views(recipe.model_dump(mode="json", exclude_none=True))
    assert described.startswith(
        "'gentle', but of learned views: 'identity', learned by 0.05; hand-made, then learned: "
    )
    assert {entry.name for entry in recipe.methods} == {"simclr"}
    assert {(entry.views or recipe.views, entry.settings.get("learned_views", 0)) for entry in recipe.methods} == {
        ("gentle", 0), ("identity", 0.05), ("gentle", 0.05), ("identity", 0),
    }  # fmt: skip
