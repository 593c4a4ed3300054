"""From index tables to pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from episodes import PRESETS, Episode, EpisodeError, ImageSet, ViewRecipe, augment, render, rotate_ways, to_float


def image_set(channels: int = 3, side: int = 12) -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    return ImageSet(torch.randint(0, 256, (20, channels, side, side), dtype=torch.uint8, generator=generator))


def episode(step: int = 4) -> Episode:
    images = torch.tensor([[[3, 3, 3], [7, 7, 7]], [[0, 0, 0], [19, 19, 19]]])
    views = torch.arange(3).expand(2, 2, 3)
    return Episode(images, views, images[..., 0], shot=1, step=step)


def test_render_is_augment_of_each_place() -> None:
    data, tasks, recipe = image_set(), episode(), PRESETS["simclr"]
    pixels = render(data, tasks, recipe, seed=9)
    assert pixels.shape == (2, 2, 3, 3, 12, 12)
    assert pixels.is_contiguous()
    for t in range(2):
        for n in range(2):
            for v in range(3):
                index = tasks.images[t, n, v].view(1)
                alone = augment(
                    data.images[index], recipe, seed=9, step=4, ids=index, views=tasks.views[t, n, v].view(1)
                )
                torch.testing.assert_close(pixels[t, n, v], alone[0], atol=1e-6, rtol=0)


def test_a_recipe_per_position() -> None:
    data, tasks = image_set(), episode()
    plain, strong = ViewRecipe(), PRESETS["simclr"]
    pixels = render(data, tasks, [plain, strong, strong], seed=9)
    assert torch.equal(pixels[:, :, 0], to_float(data.images[tasks.images[..., 0]]))
    torch.testing.assert_close(pixels[:, :, 1:], render(data, tasks, strong, seed=9)[:, :, 1:], atol=1e-6, rtol=0)
    torch.testing.assert_close(
        render(data, tasks, [strong, plain, strong], seed=9)[:, :, 2], pixels[:, :, 2], atol=1e-6, rtol=0
    )
    with pytest.raises(EpisodeError, match="2 view recipes for V = 3"):
        render(data, tasks, [plain, strong], seed=9)


def test_step_and_seed_change_the_views() -> None:
    data, recipe = image_set(), PRESETS["gentle"]
    first = render(data, episode(), recipe, seed=9)
    assert not torch.equal(first, render(data, episode(step=5), recipe, seed=9))
    assert not torch.equal(first, render(data, episode(), recipe, seed=8))
    assert torch.equal(first, render(data, episode(), recipe, seed=9))


def test_a_memory_mapped_set_renders_as_one_in_memory(tmp_path: Path) -> None:
    data = image_set()
    path = tmp_path / "images.npy"
    np.save(path, data.images.numpy())
    mapped = ImageSet(torch.from_numpy(np.load(path, mmap_mode="r+")))
    assert torch.equal(
        render(mapped, episode(), PRESETS["gentle"], seed=0, device="cpu"),
        render(data, episode(), PRESETS["gentle"], seed=0),
    )


def test_turned_ways_turn_all_views_alike() -> None:
    data = image_set()
    many = torch.arange(20).view(2, 10, 1).expand(2, 10, 2)
    tasks = Episode(many, torch.zeros_like(many), many[..., 0], shot=1, step=1)
    pixels = render(data, tasks, ViewRecipe(), seed=0)
    turned = rotate_ways(pixels, tasks, seed=0)
    seen = set()
    for t in range(2):
        for n in range(10):
            matches = [k for k in range(4) if torch.equal(turned[t, n], torch.rot90(pixels[t, n], k, (2, 3)))]
            assert len(matches) == 1
            seen.add(matches[0])
    assert seen == {0, 1, 2, 3}
    assert torch.equal(rotate_ways(pixels, tasks, seed=0, probability=0), pixels)
