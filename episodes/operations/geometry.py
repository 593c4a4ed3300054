"""Pose as one affine map per view, from output to input coordinates: affine, crop, flips and quarter turns.

Coordinates are those of `affine_grid(align_corners=False)`: -1 and 1 are the outer edges of the image. All of it
is elementwise, so that neither autocast nor TF32 can blur a coordinate.
"""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor


def affine(
    angle: Tensor,
    zoom: Tensor,
    shear_x: Tensor,
    shear_y: Tensor,
    shift_x: Tensor,
    shift_y: Tensor,
    *,
    aspect: float = 1.0,
) -> Tensor:
    """The inverse of shear, zoom, rotation and shift, in this order, about the image's center: (B, 2, 3).

    The same map as torchvision's `affine`, with slopes in place of its shear angles.

    Args:
        angle: (B,) degrees, clockwise as seen. zoom: (B,) factors of size. shear_x, shear_y: (B,) slopes.
        shift_x, shift_y: (B,) half-images to the right and down. aspect: width / height of the image.
    """
    radians = angle * (pi / 180)
    cos, sin = torch.cos(radians), torch.sin(radians)
    # The forward map is [[a, b], [c, d]] zoom; without the zoom its determinant is 1.
    a, c = cos + sin * shear_y, sin - cos * shear_y
    b, d = -shear_x * a - sin, -shear_x * c + cos
    xx, xy, yx, yy = d / zoom, -b / (zoom * aspect), -c * aspect / zoom, a / zoom
    x = -(xx * shift_x + xy * shift_y)
    y = -(yx * shift_x + yy * shift_y)
    return torch.stack([xx, xy, x, yx, yy, y], dim=-1).view(-1, 2, 3)


def identity(rows: Tensor) -> Tensor:
    """The map that changes nothing, for each of `rows` (B,): (B, 2, 3) float32 on the same device."""
    one, zero = torch.ones_like(rows, dtype=torch.float32), torch.zeros_like(rows, dtype=torch.float32)
    return torch.stack([one, zero, zero, zero, one, zero], dim=-1).view(-1, 2, 3)


def crop(theta: Tensor, center: Tensor, size: Tensor) -> Tensor:
    """Read the map `theta` (B, 2, 3) from a crop of the image: center (B, 2) in -1..1, size (B, 2) in shares; x, y."""
    return torch.cat([theta[..., :2] * size.unsqueeze(-1), (theta[..., 2] * size + center).unsqueeze(-1)], dim=-1)


def flip(theta: Tensor, horizontal: Tensor, vertical: Tensor) -> Tensor:
    """Mirror the output of a map (B, 2, 3): horizontal and vertical (B,) bool."""
    signs = 1.0 - 2.0 * torch.stack([horizontal, vertical], dim=-1).to(theta.dtype)
    return torch.cat([theta[..., :2] * signs.unsqueeze(1), theta[..., 2:]], dim=-1)


def turn(theta: Tensor, quarters: Tensor) -> Tensor:
    """Turn the output of a map (B, 2, 3) by quarters (B,) of 90 degrees, counter-clockwise as `torch.rot90`."""
    quarters = quarters % 4
    cos = ((quarters == 0).to(theta.dtype) - (quarters == 2).to(theta.dtype)).unsqueeze(-1)
    sin = ((quarters == 1).to(theta.dtype) - (quarters == 3).to(theta.dtype)).unsqueeze(-1)
    of_x, of_y, offset = theta.unbind(-1)  # columns (B, 2)
    return torch.stack([of_x * cos + of_y * sin, of_y * cos - of_x * sin, offset], dim=-1)
