"""Compiled views: those of the eager operations up to rounding, one program for all steps, any batch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch._dynamo.utils import counters

from episodes import PRESETS, Episode, EpisodeSampler, ImageSet, Rendering, TaskShape, ViewRecipe, render, rotate_ways
from episodes import compiled as compiling
from episodes.prefetch import with_pixels
from tests.episodes.everything import EVERYTHING


def images(channels: int = 3) -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    return ImageSet(torch.randint(0, 256, (40, channels, 16, 16), dtype=torch.uint8, generator=generator))


def episodes(data: ImageSet, way: int = 6, query: int = 1) -> EpisodeSampler:
    return EpisodeSampler(data, TaskShape(way, 1, query), seed=1)


@pytest.fixture
def traced_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything of the compiler but its code generation, which takes seconds for each recipe."""
    plain = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **options: plain(f, backend="aot_eager", **options))
    compiling._function.cache_clear()
    yield
    compiling._function.cache_clear()


def check(rendering: Rendering, episode: Episode) -> None:
    rendering.compile()
    found = rendering(episode)
    rendering.eager()
    expected = rendering(episode)
    assert found.dtype == torch.float32
    assert found.is_contiguous()
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.usefixtures("traced_only")
def test_every_preset_is_one_program_with_the_same_pixels(name: str) -> None:
    data = images(1 if name in ("gentle", "strong", "omniglot") else 3)
    rendering, sampler = Rendering(data, PRESETS[name], seed=3), episodes(data)
    torch._dynamo.reset()
    counters.clear()
    for step in range(4):
        check(rendering, sampler(step))
    assert counters["stats"]["unique_graphs"] == 1


def test_generated_code_gives_the_same_pixels() -> None:
    data = images()
    rendering, sampler = Rendering(data, EVERYTHING, seed=3), episodes(data)
    torch._dynamo.reset()
    counters.clear()
    for step in (0, 1, 2**40):
        check(rendering, sampler(step))
    assert counters["stats"]["unique_graphs"] == 1


@pytest.mark.usefixtures("traced_only")
def test_more_shapes_and_recipes_than_torch_takes_of_one_function() -> None:
    data = images()
    for shift in range(12):
        check(Rendering(data, ViewRecipe(shift=0.01 * (1 + shift)), seed=3), episodes(data)(0))
    for way in (3, 5, 8):
        check(Rendering(data, ViewRecipe(shift=0.01), seed=3), episodes(data, way)(0))


@pytest.mark.usefixtures("traced_only")
def test_recipes_by_position_turned_ways_and_pixels_read_ahead() -> None:
    data = images()
    episode = episodes(data, query=2)(4)
    recipes = [ViewRecipe(), PRESETS["crop-flip"], PRESETS["crop-flip"]]
    rendering = Rendering(data, recipes, seed=3, turned=True)
    assert torch.equal(rendering(episode), rotate_ways(render(data, episode, recipes, seed=3), episode, seed=3))
    check(rendering, episode)
    check(rendering, with_pixels(data, episode))
