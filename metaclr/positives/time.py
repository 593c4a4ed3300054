"""Frames of one clip: those within a window of time are positives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from episodes import ComputedImages, ImageSet, StoredImages
from metaclr.errors import UserError
from metaclr.positives.moving import moving_frames
from metaclr.positives.objective_labels import of_instances
from metaclr.positives.part_sampler import PartSampler
from metaclr.positives.source import Draw, Positives

if TYPE_CHECKING:
    from metaclr.methods.method import Method


@dataclass(frozen=True)
class Time(Positives):
    """window: share of a clip's duration within which two frames are positives. far: each clip has two ways, whose
    first frames are more than 3 `window` apart: they are negatives. frames: of the clips that are made where a set has
    none: its images move on straight lines with bouncing as in Moving MNIST (Srivastava et al. 2015), and turn. order:
    the frames of a way are in order of time (`r3m`). decreasing: the distance d of a way's first two frames, up to the
    window W, has a probability that falls linearly, in proportion to W + 1 - d, as CVRL draws two clips of a video
    (Qian et al. 2021, arXiv:2008.03800, which has W = all of it); otherwise all frames of the window are alike.

    Single-view time-contrastive networks have positives within 10 and negatives beyond 30 frames (kekeblom/tcn).
    """

    summary: ClassVar[str] = "frames of one clip within a window of time"
    reference: ClassVar[str] = "Sermanet et al. 2018 (TCN), arXiv:1704.06888"
    window: float = 0.25
    far: bool = False
    frames: int = 16
    order: bool = False
    decreasing: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.window <= 1:
            raise UserError(f"time.window = {self.window} must be above 0 and up to 1: a share of a clip")
        if self.frames < 2:
            raise UserError(f"time.frames = {self.frames} must be at least 2")
        if self.far and (self.order or self.decreasing):
            raise UserError("time.far draws two windows of a clip: leave out time.order and time.decreasing")

    def method(self, method: Method) -> Method:
        """As `augmentation`, of frames."""
        return of_instances(method, "time")

    def rendered(self, images: ImageSet) -> ImageSet:
        """All frames of every clip; of a set without clips, frames of its images in motion, made when gathered."""
        if images.clips is not None:
            return ImageSet(images.clips.flatten(0, 1), name=f"frames of {images.name}")
        assert isinstance(images.images, Tensor | StoredImages)
        computed = ComputedImages(images.images, self.frames, partial(moving_frames, frames=self.frames))
        return ImageSet(computed, name=f"moving {images.name}")

    def sampler(self, draw: Draw) -> PartSampler:
        """Ways of near frames.

        Raises:
            UserError: a window without a second frame; no frame outside of it, where some are to be far.
        """
        count = len(draw.images) // draw.items
        at = torch.arange(count)
        apart = (at.unsqueeze(0) - at.unsqueeze(1)).abs()
        reach = round(self.window * count, 6)
        if reach < 1:
            raise UserError(
                f"time.window = {self.window} of {count} frames holds one frame; set at least {1 / count:g}"
            )
        if self.order and draw.shape.views > count:
            raise UserError(f"time.order: a way has {draw.shape.views} frames in order, and a clip has {count}")
        far = apart > 3 * reach if self.far else None
        joint = decreasing_pairs(count, int(reach)) if self.decreasing else None
        part: dict[str, Any] = {"seed": draw.seed, "rank": draw.rank, "world": draw.world}
        options = {"what": "time", "far": far, "joint": joint, "in_order": self.order, **part}
        return PartSampler(draw.images, apart <= reach, draw.shape, **options)

    def notes(self, images: ImageSet) -> tuple[str, ...]:
        """Whether the clips were made here."""
        made = f"{images.name} has no clips: its images move along straight lines, {self.frames} frames each"
        return () if images.clips is not None else (made,)

    def key(self, images: ImageSet) -> str:
        """Hash of the frames."""
        if images.clips is None:
            return ""
        return sha256(images.clips.cpu().contiguous().numpy().data).hexdigest()


def decreasing_pairs(count: int, reach: int) -> Tensor:
    """Probability of each ordered pair of different frames (F, F): linear in their distance, 0 beyond `reach`.

    All pairs of one distance are alike.

    >>> decreasing_pairs(3, 2)[0]
    tensor([0.0000, 0.1667, 0.1667])
    """
    at = torch.arange(count)
    apart = (at.unsqueeze(0) - at.unsqueeze(1)).abs()
    reach = min(reach, count - 1)
    share = (reach + 1 - apart).clamp_min(0) * (apart > 0) / (2.0 * (count - apart))
    return share / share.sum()


SOURCE = Time
