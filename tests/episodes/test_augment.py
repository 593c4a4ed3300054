"""Random views: pure functions of their counters, in range, shaped alike, and made of the operations named."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from episodes import PRESETS, EpisodeError, ViewRecipe, augment, to_float
from episodes.operations.operation import Operation
from episodes.view_recipe import STREAMS, draw_parameters, keys_of
from tests.episodes.everything import EVERYTHING


def pixels(count: int, channels: int = 3, height: int = 16, width: int = 16, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8, generator=generator)


def parameters(
    recipe: ViewRecipe,
    count: int,
    *,
    seed: int = 0,
    step: int = 0,
    channels: int = 3,
    height: int = 32,
    width: int = 32,
) -> dict[str, Tensor]:
    ids = torch.arange(count)
    keys = dict(zip(STREAMS, keys_of(seed, step), strict=True))
    drawn = draw_parameters(recipe, keys=keys, ids=ids, views=ids % 4, channels=channels, height=height, width=width)
    return flat(drawn)


def flat(drawn: dict[type[Operation], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The parameters of all operations by their names, which are distinct."""
    return {name: values for of in drawn.values() for name, values in of.items()}


probability = st.floats(0, 1)


def span(least: float, most: float) -> st.SearchStrategy[tuple[float, float]]:
    return st.tuples(st.floats(least, most), st.floats(least, most)).map(lambda pair: (min(pair), max(pair)))


recipes = st.builds(
    ViewRecipe,
    crop_scale=st.none() | span(0.01, 1.0) | span(0.5, 2.0),
    crop_ratio=span(0.1, 10),
    rotate=st.floats(0, 180),
    zoom=span(0.1, 5),
    shear=st.just(0.0) | st.floats(0, 2),
    shift=st.just(0.0) | st.floats(0, 2),
    elastic=st.just(0.0) | st.floats(0, 0.5),
    elastic_cells=st.integers(1, 6),
    flip_horizontal=probability,
    flip_vertical=probability,
    quarter_turns=probability,
    stroke=st.just((0.0, 0.0)) | span(-1, 1),
    jitter=probability,
    brightness=st.floats(0, 2),
    contrast=st.floats(0, 2),
    saturation=st.floats(0, 2),
    hue=st.floats(0, 0.5),
    grayscale=probability,
    blur=probability,
    blur_sigma=span(0.01, 20),
    random_erasing=probability,
    random_erasing_area=span(0, 1),
    random_erasing_ratio=span(0.1, 10),
    dropout=st.just((0.0, 0.0)) | span(0, 1),
)


@settings(max_examples=60, deadline=None)
@given(recipe=recipes, channels=st.sampled_from([1, 3]), side=st.integers(4, 20), seed=st.integers(-(2**40), 2**40))
def test_any_legal_recipe_gives_pixels_in_range_whatever_the_split(
    recipe: ViewRecipe, channels: int, side: int, seed: int
) -> None:
    images, ids, views = pixels(7, channels, side, side), torch.tensor([5, 5, 0, 10**9, 7, 8, 9]), torch.arange(7)
    whole = augment(images, recipe, seed=seed, step=3, ids=ids, views=views)
    assert whole.shape == images.shape
    assert whole.dtype == torch.float32
    assert whole.is_contiguous()
    assert bool(whole.isfinite().all())
    assert float(whole.min()) >= 0
    assert float(whole.max()) <= 1
    parts = [
        augment(images[a:b], recipe, seed=seed, step=3, ids=ids[a:b], views=views[a:b])
        for a, b in pairwise([0, 1, 4, 7])
    ]
    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 32)])
def test_presets_split_to_the_same_bits_across_cache_pieces(name: str, channels: int, side: int) -> None:
    count = 350  # more than one piece
    images, ids = pixels(count, channels, side, side), torch.arange(count) // 2
    views = torch.arange(count) % 2
    whole = augment(images, PRESETS[name], seed=1, step=2, ids=ids, views=views)
    cuts = [0, 3, 101, count]
    parts = [
        augment(images[a:b], PRESETS[name], seed=1, step=2, ids=ids[a:b], views=views[a:b]) for a, b in pairwise(cuts)
    ]
    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-6, rtol=0)
    shuffled = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    again = augment(images[shuffled], PRESETS[name], seed=1, step=2, ids=ids[shuffled], views=views[shuffled])
    torch.testing.assert_close(again, whole[shuffled], atol=1e-6, rtol=0)


def test_parameters_are_exactly_the_same_for_any_split_and_differ_by_every_counter() -> None:
    ids, views = torch.arange(40) // 4, torch.arange(40) % 4

    def draw(at: slice = slice(None), seed: int = 1, step: int = 2, shift: int = 0) -> dict[str, Tensor]:
        drawn = draw_parameters(
            EVERYTHING,
            keys=dict(zip(STREAMS, keys_of(seed, step), strict=True)),
            ids=ids[at] + shift,
            views=views[at],
            channels=3,
            height=32,
            width=32,
        )
        return flat(drawn)

    whole, tail = draw(), draw(slice(17, None))
    assert whole.keys() == {
        *("theta", "elastic", "stroke", "brightness", "contrast", "saturation", "hue", "grey", "sigma", "erase"),
        *("dropout", "noise"),
    }
    for name, values in whole.items():
        assert torch.equal(values[17:], tail[name]), name
    for other in (draw(seed=2), draw(step=3), draw(shift=1)):
        for name in ("theta", "elastic", "stroke", "brightness"):
            assert not torch.equal(whole[name], other[name]), name
    assert len(torch.unique(whole["stroke"])) == 40  # every view of every image its own


def test_adding_an_operation_leaves_the_others_as_they_were() -> None:
    before = parameters(PRESETS["simclr"], 50)
    after = parameters(replace(PRESETS["simclr"], blur=0.5, random_erasing=0.5, dropout=(0, 0.5), stroke=(0, 1)), 50)
    for name, values in before.items():
        assert torch.equal(values, after[name]), name


def test_identity_is_the_pixels_over_255() -> None:
    images, ids = pixels(300), torch.arange(300)
    plain = augment(images, ViewRecipe(), seed=0, step=0, ids=ids, views=ids)
    assert torch.equal(plain, images.to(torch.float32) / 255)
    assert torch.equal(plain, to_float(images))
    assert parameters(ViewRecipe(), 5) == {}
    assert parameters(replace(PRESETS["simclr"], crop_scale=None, flip_horizontal=0), 5, channels=1).keys() == {
        "brightness",
        "contrast",
    }


def test_parameters_cover_their_ranges() -> None:
    drawn = parameters(EVERYTHING, 20_000)
    assert float(drawn["hue"].min()) == pytest.approx(-0.2, abs=0.001)
    assert float(drawn["hue"].max()) == pytest.approx(0.2, abs=0.001)
    assert float((drawn["hue"] == 0).float().mean()) == pytest.approx(0.2, abs=0.012)  # jitter: 0.8
    assert float((drawn["brightness"] == 1).float().mean()) == pytest.approx(0.2, abs=0.012)
    assert float(drawn["brightness"].min()) == pytest.approx(0.2, abs=0.001)
    assert float(drawn["brightness"].max()) == pytest.approx(1.8, abs=0.001)
    assert float(drawn["grey"].float().mean()) == pytest.approx(0.2, abs=0.012)
    assert float((drawn["sigma"] > 0).float().mean()) == pytest.approx(0.5, abs=0.015)
    assert float(drawn["stroke"].mean()) == pytest.approx(0, abs=0.02)
    top, left, tall, wide = drawn["erase"].unbind(1)
    assert bool(((top >= 0) & (left >= 0) & (top + tall <= 32) & (left + wide <= 32)).all())
    erased = tall * wide / 32**2
    assert float((erased > 0).float().mean()) == pytest.approx(0.5, abs=0.015)
    assert float(erased[erased > 0].mean()) == pytest.approx((0.02 + 0.33) / 2, abs=0.01)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (24, 48)])
def test_crops_fit_and_have_the_stated_area_and_ratio(height: int, width: int) -> None:
    drawn = parameters(ViewRecipe(crop_scale=(0.08, 1.0)), 20_000, height=height, width=width)
    center, size = drawn["window"].unbind(1)
    assert bool((size <= 1).all())
    assert bool((center.abs() + size <= 1 + 1e-6).all())
    area = size.prod(1)  # tests/parity/test_torchvision_crop_areas.py has the distribution
    assert float(area.max()) <= min(1.0, 4 / 3 * height / width) * (1 + 0.5 / height)
    assert float(area.min()) == pytest.approx(0.08, abs=0.001)
    ratio = size[:, 0] * width / (size[:, 1] * height)
    cut = 1 + 0.5 / height  # a crop that is up to half a pixel too long is cut, as torchvision rounds it
    assert bool(((ratio > 3 / 4 / cut) & (ratio < 4 / 3 * cut)).all())
    small = area < 0.3  # where every ratio fits
    assert float(ratio[small].min()) == pytest.approx(3 / 4, abs=0.01)
    assert float(ratio[small].max()) == pytest.approx(4 / 3, abs=0.01)
    assert float(ratio[small].log().mean()) == pytest.approx(0, abs=0.01)


def test_colour_is_torchvisions_chain_at_the_drawn_parameters() -> None:
    recipe = replace(PRESETS["simclr"], crop_scale=None, flip_horizontal=0)
    images, ids = pixels(60, 3, 32, 32), torch.arange(60)
    ours = augment(images, recipe, seed=0, step=0, ids=ids, views=ids % 4)
    drawn = parameters(recipe, 60)
    for row in range(60):
        x = images[row].float() / 255
        x = F.adjust_brightness(x, float(drawn["brightness"][row]))
        x = F.adjust_contrast(x, float(drawn["contrast"][row]))
        x = F.adjust_saturation(x, float(drawn["saturation"][row]))
        x = F.adjust_hue(x, float(drawn["hue"][row]))
        x = F.rgb_to_grayscale(x, 3) if bool(drawn["grey"][row]) else x
        torch.testing.assert_close(ours[row], x, atol=1e-5, rtol=0)


def test_a_crop_shows_no_black_and_a_warp_does() -> None:
    white, ids = torch.full((200, 1, 28, 28), 255, dtype=torch.uint8), torch.arange(200)
    cropped = augment(white, ViewRecipe(crop_scale=(0.1, 1), flip_horizontal=0.5), seed=0, step=0, ids=ids, views=ids)
    torch.testing.assert_close(cropped, torch.ones_like(cropped))
    turned = augment(white, ViewRecipe(rotate=45), seed=0, step=0, ids=ids, views=ids)
    assert float(turned[:, 0, 0, 0].mean()) < 0.2


def test_neither_autocast_nor_a_global_generator_has_a_say() -> None:
    images, ids = pixels(20), torch.arange(20)
    before = torch.get_rng_state()
    plain = augment(images, EVERYTHING, seed=0, step=0, ids=ids, views=ids)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = augment(images, EVERYTHING, seed=0, step=0, ids=ids, views=ids)
    assert torch.equal(plain, cast)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_draws_the_same_views_without_waiting() -> None:
    images, ids = pixels(64, 3, 32, 32), torch.arange(64)
    here = augment(images, EVERYTHING, seed=0, step=0, ids=ids, views=ids)
    far, far_ids = images.cuda(), ids.cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        there = augment(far, EVERYTHING, seed=0, step=0, ids=far_ids, views=far_ids)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    # A pixel at the edge of the image may fall to the other side by the last bit of a coordinate.
    assert float(((there.cpu() - here).abs() > 1e-3).float().mean()) < 1e-3


BAD: list[dict[str, Any]] = [
    {"flip_horizontal": -0.1},
    {"grayscale": 1.5},
    {"jitter": float("nan")},
    {"zoom": (1.2, 0.8)},
    {"crop_scale": (0.0, 1.0)},
    {"crop_scale": 0.5},
    {"crop_ratio": None},
    {"crop_scale": (0.1, float("inf"))},
    {"hue": 0.6},
    {"rotate": -10},
    {"rotate": "10"},
    {"rotate": (0.0, 10.0)},
    {"stroke": (-2.0, 0.0)},
    {"stroke": (0.0, 0.1, 0.2)},
    {"elastic_cells": 2.5},
    {"elastic_cells": 0},
    {"dropout": (0.5, 0.1)},
    {"blur": True},
    {"blur_sigma": (0.0, 1.0)},
]


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_bad_recipes_are_refused_in_one_line_that_names_the_key(bad: dict[str, Any]) -> None:
    (key,) = bad
    with pytest.raises(EpisodeError) as caught:
        ViewRecipe(**bad)
    assert f"views: {key} = " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lists_of_toml_are_pairs() -> None:
    assert ViewRecipe(zoom=[0.8, 1.2]) == ViewRecipe(zoom=(0.8, 1.2))  # type: ignore[arg-type]
    assert hash(ViewRecipe(zoom=[0.8, 1.2])) == hash(ViewRecipe(zoom=(0.8, 1.2)))  # type: ignore[arg-type]


def test_every_field_has_a_legal_range() -> None:
    for field in fields(ViewRecipe):
        with pytest.raises(EpisodeError, match=field.name):
            ViewRecipe(**{field.name: "much"})


def test_wrong_input_is_refused() -> None:
    ids = torch.arange(2)
    with pytest.raises(EpisodeError, match="uint8"):
        augment(torch.zeros(2, 1, 4, 4), ViewRecipe(), seed=0, step=0, ids=ids, views=ids)
    with pytest.raises(EpisodeError, match="C = 1 or 3"):
        augment(torch.zeros(2, 2, 4, 4, dtype=torch.uint8), ViewRecipe(), seed=0, step=0, ids=ids, views=ids)
    with pytest.raises(EpisodeError, match="ids and views"):
        augment(torch.zeros(3, 1, 4, 4, dtype=torch.uint8), ViewRecipe(), seed=0, step=0, ids=ids, views=ids)
    with pytest.raises(EpisodeError, match="quarter_turns needs square"):
        augment(
            torch.zeros(2, 1, 4, 5, dtype=torch.uint8), ViewRecipe(quarter_turns=1), seed=0, step=0, ids=ids, views=ids
        )
