"""`patch`: where patches lie, which are positives, and that they are the pixels of the image."""

from __future__ import annotations

from functools import cache

import pytest
import torch
import torch.nn.functional as F

from episodes import Episode, ImageSet, TaskShape
from metaclr import methods
from metaclr.errors import UserError
from metaclr.positives.patch import Patch
from metaclr.positives.source import Draw


@cache
def images() -> ImageSet:
    return ImageSet(torch.randint(0, 256, (30, 3, 32, 32), dtype=torch.uint8))


def drawn(source: Patch, shape: TaskShape, step: int = 0, **part: int) -> Episode:
    parts = source.rendered(images())
    method = source.method(methods.get("simclr"))
    return source.sampler(Draw(parts, len(images()), shape, method, seed=0, **part))(step)


def test_patches_are_crops_of_the_grid() -> None:
    """CPC v2's grid: 7 x 7 patches of 8 pixels, 4 apart, in images of 32 pixels."""
    source = Patch(grid=7, overlap=0.5)
    assert source.sides((32, 32)) == (8, 8)
    parts = source.rendered(images()).images
    assert parts.shape == (30 * 49, 3, 32, 32)
    for item, row, column in ((0, 0, 0), (4, 6, 6), (29, 2, 5)):
        cut = images().images[item : item + 1, :, 4 * row : 4 * row + 8, 4 * column : 4 * column + 8].float()
        expected = F.interpolate(cut, size=(32, 32), mode="bilinear", align_corners=False).round().to(torch.uint8)[0]
        assert torch.equal(parts[item * 49 + row * 7 + column], expected)


def test_near_patches_of_one_image_form_a_way() -> None:
    for step in range(20):
        table = drawn(Patch(grid=4, near=1), TaskShape(10, 1, 3), step).images
        item, cell = table // 16, table % 16
        assert (item == item[..., :1]).all()
        assert len(item[0, :, 0].unique()) == 10
        apart = torch.stack([cell // 4, cell % 4]).diff(dim=-1, prepend=torch.zeros(2, 1, 10, 1).long())
        assert apart.shape[-1] == 4
        first = torch.stack([cell // 4, cell % 4])
        assert (first - first[..., :1]).abs().max() <= 1
        assert all(len(set(of.tolist())) == 4 for of in cell[0])  # each once: a corner has three neighbors


def test_every_patch_is_an_anchor_and_far_ones_are_negatives() -> None:
    anchors = [drawn(Patch(grid=3, near=0), TaskShape(16, 1, 1), step).images[..., 0] % 9 for step in range(20)]
    assert torch.cat(anchors).unique().tolist() == list(range(9))
    episode = drawn(Patch(grid=4, near=1, far=True), TaskShape(10, 1, 1), 2)
    item, cell = episode.images // 16, episode.images % 16
    assert torch.equal(item[:, 0::2], item[:, 1::2])
    assert len(episode.labels.unique()) == 10
    place = torch.stack([cell // 4, cell % 4])[..., 0]
    assert ((place[..., 0::2] - place[..., 1::2]).abs().amax(0) > 1).all()


def test_ranks_share_a_batch() -> None:
    whole = drawn(Patch(), TaskShape(8, 1, 1), 5).images
    halves = [drawn(Patch(), TaskShape(8, 1, 1), 5, rank=rank, world=2).images for rank in range(2)]
    assert torch.equal(torch.stack(halves, 2).flatten(1, 2), whole)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match="patches of 2 pixels, and 4 are needed"):
        Patch(grid=20, overlap=0.25).rendered(images())
    with pytest.raises(UserError, match="an even number of ways"):
        drawn(Patch(grid=4, far=True), TaskShape(5, 1, 1))
