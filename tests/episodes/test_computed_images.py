"""Images computed from others: gathered alike by every way of indexing, in memory and from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from episodes import ComputedImages, EpisodeSampler, ImageSet, Rendering, TaskShape, ViewRecipe, open_npy, with_pixels


def shifted(images: torch.Tensor, which: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
    """A part is the image with its number and that of the part added."""
    return (images + (10 * part + which).to(torch.uint8).view(-1, 1, 1, 1)).to(torch.uint8)


def test_parts_are_gathered_alike(tmp_path: Path) -> None:
    base = torch.randint(0, 100, (5, 1, 4, 4), dtype=torch.uint8)
    np.save(tmp_path / "images.npy", base[:, 0].numpy())
    for images in (base, open_npy(tmp_path / "images.npy")):
        parts = ComputedImages(images, 3, shifted)
        assert parts.shape == (15, 1, 4, 4)
        expected = torch.stack([base[i] + 10 * p + i for i in range(5) for p in range(3)])
        assert torch.equal(parts[:], expected)
        assert torch.equal(parts[7], expected[7])
        assert torch.equal(parts[torch.tensor([3, 14])], expected[[3, 14]])
        assert torch.equal(parts.view(torch.tensor([9, 2])).view(torch.tensor([1]))[:], expected[[2]])
        with pytest.raises(IndexError):
            parts.index_select(1, torch.tensor([0]))


def test_a_set_of_them_is_sampled_and_rendered() -> None:
    base = torch.randint(0, 100, (5, 1, 4, 4), dtype=torch.uint8)
    whole = ImageSet(ComputedImages(base, 3, shifted))
    plain = ImageSet(whole.images[:])
    assert whole.in_memory_of(torch.device("cpu"))
    episode = EpisodeSampler(whole, TaskShape(6, 1, 1), seed=1)(2)
    assert torch.equal(with_pixels(whole, episode).pixels, with_pixels(plain, episode).pixels)  # type: ignore[arg-type]
    views = [Rendering(images, ViewRecipe(rotate=20), seed=0)(episode) for images in (whole, plain)]
    assert torch.equal(*views)
    assert torch.equal(whole.select([4, 1]).images[:], plain.select([4, 1]).images)
    assert torch.equal(whole.to("cpu").images[:], plain.images)
