"""Mixtures: every step is one source's own step, shares are kept, training resumes; what cannot be mixed is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch

import metaclr
from episodes import Episode, EpisodeError, ImageSet, Rendering, TaskShape, ViewRecipe
from episodes.joined_images import JoinedImages
from metaclr import methods
from metaclr.comparison.labels.positives_setting import declared
from metaclr.errors import UserError
from metaclr.positives.mixture import Mixture, parse_mixture, turn
from metaclr.positives.source import Draw
from tests.metaclr.comparison import small

SHAPE = TaskShape(4, 1, 1, tasks=2)


@cache
def images() -> ImageSet:
    made = replace(small.stripes(8, 12), groups=tuple("abcdabcd"))
    return replace(made, clips=torch.randint(0, 256, (96, 8, 1, 16, 16), dtype=torch.uint8))


def sampler_of(text: str, method: str = "simclr", **part: int) -> Any:
    source = parse_mixture(text)
    of = images()
    draw = Draw(source.rendered(of), len(of), SHAPE, source.method(methods.get(method)), seed=3, source=of, **part)
    return source.sampler(draw)


def own(mixture: Mixture, which: int, step: int) -> Episode:
    """The episode of one source alone, by its own sampler."""
    source, of = mixture.sources[which], images()
    method = source.method(methods.get("simclr"))
    return source.sampler(Draw(source.rendered(of), len(of), SHAPE, method, seed=3))(step)


def test_each_source_has_its_share_and_its_own_steps() -> None:
    for weights in ((1.0, 1.0), (1.0, 2.0), (0.1, 3.0), (2.0, 3.0, 5.0), (1.0, 1.0, 1.0, 1.0)):
        counts = [0] * len(weights)
        for step in range(1000):
            which, before = turn(weights, 7, step)
            assert before == counts[which]
            counts[which] += 1
            expected = [weight / sum(weights) * (step + 1) for weight in weights]
            assert max(abs(c - e) for c, e in zip(counts, expected, strict=True)) <= len(weights) - 1
    assert [turn((1, 2), 0, s)[0] for s in range(60)] != [turn((1, 2), 1, s)[0] for s in range(60)]


def test_a_step_is_a_step_of_one_source() -> None:
    text = "label+augmentation+2*time+patch+group"
    mixture, draw = parse_mixture(text), sampler_of(text)
    pixels = Rendering(mixture.rendered(images()), ViewRecipe(), seed=3)
    starts = [0, 0, 96, 96 + 96 * 8, 0]
    seen = set()
    for step in range(24):
        which, count = turn(mixture.weights, 3, step)
        expected, found = own(mixture, which, count), draw(step)
        assert torch.equal(found.images, expected.images + starts[which])
        assert torch.equal(found.labels, expected.labels)
        assert (found.step, found.shot) == (step, 1)
        alone = Rendering(mixture.sources[which].rendered(images()), ViewRecipe(), seed=3)
        assert torch.equal(pixels(found), alone(replace(expected, step=step)))
        seen.add(which)
    assert seen == {0, 1, 2, 3, 4}


def test_ranks_share_a_batch() -> None:
    for step in range(4):
        whole = sampler_of("augmentation+time")(step).images
        halves = [sampler_of("augmentation+time", rank=rank, world=2)(step).images for rank in (0, 1)]
        assert torch.equal(torch.cat(halves), whole)


@pytest.mark.parametrize("method", ["simclr", "protonet", "byol", "vicreg", "supcon"])
def test_it_trains(method: str) -> None:
    text = "label+0.5*time+patch" if method != "byol" else "augmentation+neighbour"
    settings = {"positives": text} | ({"time.window": 0.5} if "time" in text else {"neighbour.count": 3})
    small_run = ["size=16", "encoder.options={width=4}", "train.batch_views=16"]
    encoder = metaclr.train(
        method, images(), settings=settings, steps=6, overrides=small_run, device="cpu", quiet=True,
    )  # fmt: skip
    assert all(p.isfinite().all() for p in encoder.parameters())


def test_settings_reach_their_source() -> None:
    method = declared(methods.get("simclr"), {"positives": "augmentation+2*patch", "patch.grid": 4})
    assert isinstance(method.positives, Mixture)
    assert method.positives.sources[1].grid == 4  # type: ignore[attr-defined]
    assert method.positives.title == "augmentation+2*patch"
    other = declared(methods.get("simclr"), {"positives": "augmentation+patch", "patch.grid": 4})
    assert [axis for axis, _, _ in methods.diff(method, other)] == ["positives"]
    assert parse_mixture("label+time").notes(small.stripes())[0].endswith("50 % label, 50 % time")


@pytest.mark.parametrize(
    ("method", "settings", "words"),
    [
        ("simclr", {"positives": "label+labels"}, "did you mean 'label'"),
        ("simclr", {"positives": "label+label"}, r"names 'label' twice; give it a weight, as 2\*label"),
        ("simclr", {"positives": "0*label+time"}, "'0' is no weight"),
        ("simclr", {"positives": "two*label+time"}, "'two' is no weight"),
        ("simclr", {"positives": "label+pair"}, "the support of a pair is a text"),
        ("simclr", {"positives": "label+cluster"}, "of one kind, not several"),
        ("simclr", {"positives": "neighbour+cluster"}, "of one kind, not several"),
        ("simclr", {"positives": "label+time", "patch.grid": 2}, "set simclr.positives=patch"),
        ("simclr", {"positives": "label+time", "time.grid": 2}, "setting of positives 'time'"),
        ("supervised", {"positives": "label+group"}, "needs classes that several ways share"),
        ("nnclr", {"positives": "label+group"}, "from a queue"),
    ],
)
def test_what_cannot_be_mixed_is_refused(method: str, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        declared(methods.get(method), settings)
    assert "\n" not in str(error.value)


def test_joined_images_are_gathered_alike() -> None:
    one, two = (torch.randint(0, 256, (n, 1, 4, 4), dtype=torch.uint8) for n in (3, 5))
    joined = JoinedImages([one, two])
    expected = torch.cat([one, two])
    assert joined.shape == (8, 1, 4, 4)
    assert torch.equal(joined[:], expected)
    assert torch.equal(joined[6], expected[6])
    index = torch.tensor([7, 0, 3, 3, 2])
    assert torch.equal(joined[index], expected[index])
    assert torch.equal(joined.view(index).view(torch.tensor([4, 0]))[:], expected[[2, 7]])
    assert torch.equal(ImageSet(joined).to("cpu").images[:], expected)
    assert ImageSet(joined).in_memory_of(torch.device("cpu"))
    with pytest.raises(IndexError, match=r"0\.\.7"):
        joined.index_select(0, torch.tensor([8]))
    with pytest.raises(EpisodeError, match="one shape"):
        JoinedImages([one, torch.zeros(1, 1, 5, 5, dtype=torch.uint8)])
