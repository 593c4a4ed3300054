"""A small random pose and stroke for each image, as batched tensor work; a pure function of (seed, image id)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from episodes import random

_BLOCK = 1 << 19  # pixels that are posed at once: few enough to stay in a processor's cache


@dataclass(frozen=True)
class Pose:
    """Half-widths of uniform draws: degrees, log scale, shear, shift and stroke as shares of it."""

    rotation: float = 8.0
    scale: float = 0.1
    shear: float = 0.1
    shift: float = 0.05
    stroke: float = 0.8


def oversampling(size: int) -> int:
    """How many times finer than the image a pose is drawn, so that small images have no jagged edges: 2 or 1."""
    return 2 if size < 56 else 1


def posed(canvas: Tensor, ids: Tensor, size: int, *, seed: int, pose: Pose = Pose()) -> Tensor:
    """Drawings (R, C, C) uint8 -> images (R, 1, size, size) uint8, each with a pose of its own.

    ids: int64 (R,); the pose of a row depends on (seed, id) alone, not on the other rows.
    """
    images = torch.empty(len(canvas), 1, size, size, dtype=torch.uint8)
    affine = _affine(ids, seed, pose)
    stroke = pose.stroke * _draw(ids, seed, "stroke")
    block = max(1, _BLOCK // (oversampling(size) * size) ** 2)
    for i in range(0, len(canvas), block):
        rows = slice(i, i + block)
        images[rows] = _pose(canvas[rows].unsqueeze(1), affine[rows], stroke[rows], size)
    return images


def _pose(canvas: Tensor, affine: Tensor, stroke: Tensor, size: int) -> Tensor:
    finer = oversampling(size)
    ink = F.grid_sample(canvas.float(), _grid(affine, finer * size), align_corners=False)
    ink = F.avg_pool2d(_stroke(ink, stroke, max(1, round(finer * size / 56))), finer)
    return ink.round_().clamp_(0, 255).to(torch.uint8)


def _draw(ids: Tensor, seed: int, what: str) -> Tensor:
    """Uniform in [-1, 1) for each id."""
    return 2 * random.uniform(random.key(seed, f"glyph {what}"), ids) - 1


def _affine(ids: Tensor, seed: int, pose: Pose) -> Tensor:
    """(R, 2, 3) from output to input coordinates: rotation, shear and scale about the center, then a shift."""
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


def _grid(affine: Tensor, size: int) -> Tensor:
    """Sampling points (R, size, size, 2) of affine maps (R, 2, 3); several times faster than F.affine_grid."""
    line = (torch.arange(size, dtype=torch.float32) * 2 + 1) / size - 1
    across, down, shift = affine[:, None, None, :, 0], affine[:, None, None, :, 1], affine[:, None, None, :, 2]
    return (across * line[None, None, :, None] + shift) + down * line[None, :, None, None]


def _stroke(ink: Tensor, amount: Tensor, reach: int) -> Tensor:
    """Thicker (amount up to 1) or thinner (down to -1, half as far: hairlines must survive)."""
    sign = torch.where(amount < 0, -1.0, 1.0)[:, None, None, None]
    grown = ink * sign
    for _ in range(reach):
        grown = _largest_neighbour(grown)
    share = torch.where(amount < 0, -0.5 * amount, amount)[:, None, None, None]
    return torch.lerp(ink, grown * sign, share)


def _largest_neighbour(x: Tensor) -> Tensor:
    """The maximum of each 3 x 3 neighbourhood, by shifts: faster than max_pool2d on a CPU."""
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    x = torch.maximum(torch.maximum(x[..., :-2], x[..., 1:-1]), x[..., 2:])
    return torch.maximum(torch.maximum(x[..., :-2, :], x[..., 1:-1, :]), x[..., 2:, :])
