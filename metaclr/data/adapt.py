"""Bring an image set to another size and number of channels, as a target to the encoder's."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from episodes import ImageSet, StoredImages, blocks
from metaclr.data import cache
from metaclr.data.options import Fit
from metaclr.data.pixels.originals import fit_note
from metaclr.data.scratch import Allocate, release

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def adapt(
    image_set: ImageSet,
    *,
    size: int | None = None,
    channels: int | None = None,
    fit: Fit = "crop",
    allocate: Allocate | None = None,
) -> ImageSet:
    """The same images, `size` x `size` (antialiased bilinear) and with 1 or 3 channels; None keeps what is.

    A set that fits already is returned as it is. Gray from color is ITU-R BT.601; color from gray repeats it.
    Mapped images that stay large are adapted once, into the cache.

    fit: an oblong set is cut to the center square, bordered with black, or stretched.
    allocate: gives the array for the result; by default a new one on the device of the set.
    """
    height, width = image_set.size
    same_size = size is None or (height, width) == (size, size)
    if same_size and channels in (None, image_set.channels):
        return image_set
    side = (height, width) if size is None else (size, size)
    shape = (len(image_set), channels or image_set.channels, *side)
    if allocate is None and isinstance(image_set.images, StoredImages) and math.prod(shape) > cache.LARGE:
        key = {"name": "adapted", "of": image_set.fingerprint(), "split": image_set.split, "shape": shape, "fit": fit}
        made = cache.cached(key, lambda own: adapt(image_set, size=size, channels=channels, fit=fit, allocate=own))
        same = {name: getattr(image_set, name) for name in ("name", "groups", "files", "copies_of")}
        return replace(made, **same)
    if allocate is None:
        adapted = torch.empty(shape, dtype=torch.uint8, device=image_set.images.device)
    else:
        array = allocate(shape)
        adapted = torch.from_numpy(array)
    for rows in blocks(image_set.images):
        adapted[rows] = _adapt(image_set.images[rows], None if same_size else size, channels, fit)
        if allocate is not None:
            release(array)
    notes = [] if same_size else fit_note(np.full(len(image_set), 1 - min(height, width) / max(height, width)), fit)
    if not same_size and not any(note.startswith("originals:") for note in image_set.notes):
        notes.insert(0, f"originals: all {width} x {height} (width x height)")
    clips = image_set.clips
    if clips is not None:
        frames = _adapt(clips.flatten(0, 1), None if same_size else size, channels, fit)
        clips = frames.view(*clips.shape[:2], *frames.shape[1:])
    return replace(image_set, images=adapted, clips=clips, notes=(*image_set.notes, *notes))


def _adapt(images: Tensor, size: int | None, channels: int | None, fit: Fit) -> Tensor:
    if size is not None:
        images = images if fit == "stretch" else _square(images) if fit == "crop" else _bordered(images)
    x = images.float()
    if channels == 1 and x.shape[1] == 3:
        x = (x * torch.tensor(_LUMA, device=x.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    if size is not None:
        x = F.interpolate(x, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    if channels == 3 and x.shape[1] == 1:
        x = x.expand(-1, 3, -1, -1)
    return x.round().clamp(0, 255).to(torch.uint8)


def _bordered(images: Tensor) -> Tensor:
    """Oblong images with black on both sides of the short side."""
    height, width = images.shape[-2:]
    high, wide = max(width - height, 0), max(height - width, 0)
    return F.pad(images, (wide // 2, wide - wide // 2, high // 2, high - high // 2))


def _square(images: Tensor) -> Tensor:
    """The center square of oblong images."""
    height, width = images.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[..., top : top + side, left : left + side]
