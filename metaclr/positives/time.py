"""Frames of one clip: those within a window of time are positives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

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
    none: its images move on straight lines with bouncing as in Moving MNIST (Srivastava et al. 2015), and turn.

    Single-view time-contrastive networks have positives within 10 and negatives beyond 30 frames (kekeblom/tcn).
    """

    summary: ClassVar[str] = "frames of one clip within a window of time"
    reference: ClassVar[str] = "Sermanet et al. 2018 (TCN), arXiv:1704.06888"
    window: float = 0.25
    far: bool = False
    frames: int = 16

    def __post_init__(self) -> None:
        if not 0 < self.window <= 1:
            raise UserError(f"time.window = {self.window} must be above 0 and up to 1: a share of a clip")
        if self.frames < 2:
            raise UserError(f"time.frames = {self.frames} must be at least 2")

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
        far = apart > 3 * reach if self.far else None
        part = {"seed": draw.seed, "rank": draw.rank, "world": draw.world}
        return PartSampler(draw.images, apart <= reach, draw.shape, far=far, what="time", **part)

    def notes(self, images: ImageSet) -> tuple[str, ...]:
        """Whether the clips were made here."""
        made = f"{images.name} has no clips: its images move along straight lines, {self.frames} frames each"
        return () if images.clips is not None else (made,)

    def key(self, images: ImageSet) -> str:
        """Hash of the frames."""
        if images.clips is None:
            return ""
        return sha256(images.clips.cpu().contiguous().numpy().data).hexdigest()


SOURCE = Time
