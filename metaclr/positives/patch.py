"""Patches of one image: crops on a grid, of which near ones are positives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from episodes import ComputedImages, Episode, EpisodeSampler, ImageSet, StoredImages
from metaclr.errors import UserError
from metaclr.positives.objective_labels import of_instances
from metaclr.positives.part_sampler import PartSampler
from metaclr.positives.source import Draw, Positives

if TYPE_CHECKING:
    from metaclr.methods.method import Method

MIN_SIDE = 4
"""Pixels of a patch."""


@dataclass(frozen=True)
class Patch(Positives):
    """grid: patches along a side. overlap: of neighbors, as a share of a patch. near: steps on the grid, diagonal ones
    too, within which two patches of an image are positives; 0: all of them. far: each image has two ways, whose first
    patches are not near each other: they are negatives. whole: a way has all patches of its image, row by row, for
    methods that predict some from others (`cpc`).

    A patch is enlarged to the size of the image, as encoders take one size. CPC v2 has patches of 8 pixels in images of
    32, 7 x 7 with overlap 0.5 (PyTorch Lightning Bolts).
    """

    summary: ClassVar[str] = "patches of one image that are near on a grid"
    reference: ClassVar[str] = "Hénaff et al. 2020 (CPC v2), arXiv:1905.09272"
    grid: int = 3
    overlap: float = 0.5
    near: int = 1
    far: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        if self.grid < 2:
            raise UserError(f"patch.grid = {self.grid} must be at least 2")
        if not 0 <= self.overlap < 1:
            raise UserError(f"patch.overlap = {self.overlap} must be at least 0 and below 1: a share of a patch")
        if self.near < 0:
            raise UserError(f"patch.near = {self.near} must be at least 0")
        if self.far and not 0 < self.near < self.grid // 2:
            raise UserError(
                f"patch.far needs patch.near = {self.near} to be above 0 and below {self.grid // 2}: half of patch.grid"
            )

    def method(self, method: Method) -> Method:
        """As `augmentation`, of patches."""
        return of_instances(method, "patch")

    def rendered(self, images: ImageSet) -> ImageSet:
        """The grid * grid patches of every image, made when they are gathered.

        Raises:
            UserError: patches of fewer than `MIN_SIDE` pixels; images that are computed themselves.
        """
        side = min(self.sides(images.size))
        if side < MIN_SIDE:
            raise UserError(
                f"patch.grid = {self.grid} with patch.overlap = {self.overlap} cuts images of {images.size[1]} x "
                f"{images.size[0]} into patches of {side} pixels, and {MIN_SIDE} are needed; set a smaller grid"
            )
        assert isinstance(images.images, Tensor | StoredImages)
        cut = partial(patches, grid=self.grid, sides=self.sides(images.size))
        computed = ComputedImages(images.images, self.grid**2, cut)
        return ImageSet(computed, name=f"patches of {images.name}")

    def sides(self, size: tuple[int, int]) -> tuple[int, int]:
        """Height and width of a patch in images of this size, in pixels."""
        share = 1 + (self.grid - 1) * (1 - self.overlap)
        return round(size[0] / share), round(size[1] / share)

    def sampler(self, draw: Draw) -> PartSampler | WholeSampler:
        """Ways of near patches, or of all patches.

        Raises:
            UserError: another number of views than of patches, where a way has all of them.
        """
        if self.whole:
            if draw.shape.views != self.grid**2:
                raise UserError(
                    f"patch.whole: a way has all {self.grid**2} patches of its image, and the method takes "
                    f"{draw.shape.views} views; set shot=1, query={self.grid**2 - 1}"
                )
            return WholeSampler(draw)
        cells = torch.arange(self.grid**2)
        place = torch.stack([cells // self.grid, cells % self.grid], 1)
        steps = (place.unsqueeze(0) - place.unsqueeze(1)).abs().amax(-1)
        near = steps <= self.near if self.near else torch.ones_like(steps, dtype=torch.bool)
        far = steps > self.near if self.far else None
        part: dict[str, Any] = {"seed": draw.seed, "rank": draw.rank, "world": draw.world}
        return PartSampler(draw.images, near, draw.shape, far=far, what="patch", **part)


class WholeSampler:
    """As `EpisodeSampler` with images as ways; the views of a way are all parts of its image in their order."""

    def __init__(self, draw: Draw) -> None:
        items = ImageSet(torch.zeros(draw.items, 1, 1, 1, dtype=torch.uint8), name=draw.images.name)
        self.image_set, self.shape = draw.images, draw.shape
        self._items = EpisodeSampler(items, draw.shape, seed=draw.seed, rank=draw.rank, world=draw.world)

    def __call__(self, step: int) -> Episode:
        """The batch of a step >= 0."""
        episode = self._items(step)
        parts = torch.arange(self.shape.views)
        return replace(episode, images=episode.images * self.shape.views + parts)


def patches(images: Tensor, which: Tensor, cell: Tensor, *, grid: int, sides: tuple[int, int]) -> Tensor:
    """One patch of each image, uint8 (B, C, H, W) to the same shape, bilinear.

    cell (B,): row * grid + column. which: not read.
    """
    height, width = images.shape[-2:]
    top = ((cell // grid) * (height - sides[0]) / (grid - 1)).round().long()
    left = ((cell % grid) * (width - sides[1]) / (grid - 1)).round().long()
    down = top.unsqueeze(1) + torch.arange(sides[0], device=images.device)
    across = left.unsqueeze(1) + torch.arange(sides[1], device=images.device)
    rows = torch.arange(len(images), device=images.device).view(-1, 1, 1)
    cut = images.movedim(1, -1)[rows, down.unsqueeze(2), across.unsqueeze(1)].movedim(-1, 1)
    large = F.interpolate(cut.float(), size=(height, width), mode="bilinear", align_corners=False)
    return large.round().clamp(0, 255).to(torch.uint8)


SOURCE = Patch
