"""A small random pose and stroke for each image, as batched tensor work; a pure function of (seed, image id)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from episodes import random

_BLOCK = 1 << 24  # pixels that are posed at once


@dataclass(frozen=True)
class Pose:
    """Half-widths of uniform draws: degrees, log scale, shear, shift as a share of the size, stroke as a share of it."""

    rotation: float = 10.0
    scale: float = 0.15
    shear: float = 0.15
    shift: float = 0.08
    stroke: float = 1.0


def posed(canvas: Tensor, ids: Tensor, size: int, *, seed: int, pose: Pose = Pose()) -> Tensor:
    """Drawings (R, C, C) uint8 -> images (R, 1, size, size) uint8, each with a pose of its own.

    ids: int64 (R,); the pose of a row depends on (seed, id) alone, not on the other rows.
    """
    block = max(1, _BLOCK // (4 * size * size))
    parts = [
        _pose(canvas[i : i + block].unsqueeze(1), ids[i : i + block], size, seed, pose)
        for i in range(0, len(canvas), block)
    ]
    return torch.cat(parts)


def _pose(canvas: Tensor, ids: Tensor, size: int, seed: int, pose: Pose) -> Tensor:
    grid = F.affine_grid(_affine(ids, seed, pose), [len(ids), 1, 2 * size, 2 * size], align_corners=False)
    ink = F.grid_sample(canvas.float(), grid, align_corners=False)
    ink = _stroke(ink, pose.stroke * _draw(ids, seed, "stroke"), size)
    # Drawn at twice the size and averaged: no jagged edges.
    return F.avg_pool2d(ink, 2).round_().clamp_(0, 255).to(torch.uint8)


def _draw(ids: Tensor, seed: int, what: str) -> Tensor:
    """Uniform in [-1, 1) for each id."""
    return 2 * random.uniform(random.key(seed, f"glyph {what}"), ids) - 1


def _affine(ids: Tensor, seed: int, pose: Pose) -> Tensor:
    """(R, 2, 3) from output to input coordinates: rotation, shear and scale about the centre, then a shift."""
    angle = torch.deg2rad(pose.rotation * _draw(ids, seed, "rotation"))
    wide = torch.exp(pose.scale * _draw(ids, seed, "width"))
    high = torch.exp(pose.scale * _draw(ids, seed, "height"))
    shear = pose.shear * _draw(ids, seed, "shear")
    cos, sin = angle.cos(), angle.sin()
    right, down = (2 * pose.shift * _draw(ids, seed, f"shift {way}") for way in ("right", "down"))
    linear = torch.stack([cos / wide, (shear * cos - sin) / wide, sin / high, (shear * sin + cos) / high], 1)
    linear = linear.reshape(-1, 2, 2)
    shift = -linear @ torch.stack([right, down], 1)[:, :, None]
    return torch.cat([linear, shift], 2)


def _stroke(ink: Tensor, amount: Tensor, size: int) -> Tensor:
    """Thicker (amount up to 1) or thinner (down to -1, half as far: hairlines must survive)."""
    reach = max(1, round(size / 28))
    near = {"kernel_size": 2 * reach + 1, "stride": 1, "padding": reach}
    thicker = F.max_pool2d(ink, **near) - ink
    thinner = ink + F.max_pool2d(-ink, **near)
    amount = amount[:, None, None, None]
    return ink + amount.clamp(min=0) * thicker + 0.5 * amount.clamp(max=0) * thinner
