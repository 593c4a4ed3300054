"""Pose: crop, rotation, zoom, shear, shift, flips and elastic warp as one sampling grid, one interpolation."""

from __future__ import annotations

from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor


def affine(angle: Tensor, zoom: Tensor, shear_x: Tensor, shear_y: Tensor, shift_x: Tensor, shift_y: Tensor) -> Tensor:
    """The map from output to input coordinates (-1..1 across the image) of a pose: (B, 2, 3).

    Args:
        angle: (B,) degrees, clockwise as seen. zoom: (B,) factor of size. shear_*: (B,) tangents.
        shift_*: (B,) shares of the image, to the right and down.
    """
    radians = angle * (pi / 180)
    cos, sin = torch.cos(radians) / zoom, torch.sin(radians) / zoom
    # inverse(rotate(a) zoom(z)) after a shear of the output: pixels are pulled, not pushed.
    rows = torch.stack(
        [cos + sin * shear_y, sin + cos * shear_x, cos * shear_y - sin, cos - sin * shear_x], dim=-1
    ).view(-1, 2, 2)
    moved = torch.stack([shift_x, shift_y], dim=-1) * 2
    return torch.cat([rows, -(rows @ moved.unsqueeze(-1))], dim=-1)


def crop(theta: Tensor, centre_x: Tensor, centre_y: Tensor, width: Tensor, height: Tensor) -> Tensor:
    """Follow a map `theta` (B, 2, 3) by a crop: centre (B,) in -1..1, width and height (B,) as shares of the image."""
    size = torch.stack([width, height], dim=-1).unsqueeze(-1)
    centre = torch.stack([centre_x, centre_y], dim=-1)
    cropped = theta * size
    cropped[..., 2] += centre
    return cropped


def flip(theta: Tensor, horizontal: Tensor, vertical: Tensor) -> Tensor:
    """Mirror the output of a map: horizontal and vertical (B,) bool."""
    signs = torch.stack([1.0 - 2.0 * horizontal, 1.0 - 2.0 * vertical], dim=-1).unsqueeze(1)
    return torch.cat([theta[..., :2] * signs, theta[..., 2:]], dim=-1)


def turn(theta: Tensor, quarters: Tensor) -> Tensor:
    """Turn the output of a map by `quarters` (B,) int of 90 degrees, counter-clockwise as torch.rot90 does."""
    cos = torch.tensor([1.0, 0.0, -1.0, 0.0], device=theta.device)[quarters % 4]
    sin = torch.tensor([0.0, 1.0, 0.0, -1.0], device=theta.device)[quarters % 4]
    rotation = torch.stack([cos, -sin, sin, cos], dim=-1).view(-1, 2, 2)
    return torch.cat([theta[..., :2] @ rotation, theta[..., 2:]], dim=-1)


def smooth_field(control: Tensor, height: int, width: int) -> Tensor:
    """A displacement field (B, H, W, 2) through control points (B, 2, G, G), bicubic between them."""
    field = F.interpolate(control, size=(height, width), mode="bicubic", align_corners=True)
    return field.permute(0, 2, 3, 1)


def sample(images: Tensor, theta: Tensor, displacement: Tensor | None = None) -> Tensor:
    """Pull float images (B, C, H, W) through a map (B, 2, 3), plus a displacement (B, H, W, 2); outside is 0.

    Coordinates are those of `F.affine_grid(align_corners=False)`: -1 and 1 are the outer edges of the image.
    """
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    if displacement is not None:
        grid = grid + displacement
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def quarter_turns(images: Tensor, quarters: Tensor) -> Tensor:
    """Turn each square image (B, C, H, W) by `quarters` (B,) of 90 degrees, exactly, without interpolation."""
    size = images.shape[-1]
    cells = torch.arange(size * size, device=images.device).view(size, size)
    maps = torch.stack([torch.rot90(cells, k).flatten() for k in range(4)])[quarters % 4]  # (B, H * W)
    flat = images.flatten(2)
    return flat.gather(2, maps.unsqueeze(1).expand_as(flat)).view_as(images)
