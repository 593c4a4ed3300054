"""Images in motion: each moves along a straight line, bounces at the border, and turns slowly."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from episodes import random

SEED = 0
REACH = 0.25
"""Farthest position from the center along each axis, in half-images."""
SPEED = 1.5
"""Most that an image moves along an axis in a clip, in half-images."""
TURN = 45.0
"""Most that an image turns in a clip, in degrees."""


def moving_frames(images: Tensor, which: Tensor, frame: Tensor, *, frames: int) -> Tensor:
    """One frame of each image's clip, uint8 (B, C, H, W) to the same shape; a function of its pixels, id and frame.

    Positions and speeds as in Moving MNIST (Srivastava et al. 2015, arXiv:1502.04681), drawn for each image once.

    which, frame: int64 (B,), image id, and number of the frame in 0..frames - 1.
    """
    when = frame.float() / (frames - 1)
    start_x, start_y, speed_x, speed_y, turn = (
        random.uniform(random.key(SEED, f"motion {what}"), which) * 2 - 1
        for what in ("start x", "start y", "speed x", "speed y", "turn")
    )
    shift = torch.stack([bounced(REACH * start_x + SPEED * speed_x * when),
                         bounced(REACH * start_y + SPEED * speed_y * when)], 1)  # fmt: skip
    angle = torch.deg2rad(TURN * turn * (when - 0.5))
    cos, sin = angle.cos(), angle.sin()
    linear = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
    theta = torch.cat([linear, -(linear @ shift.unsqueeze(-1))], 2)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    moved = F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return moved.round().clamp(0, 255).to(torch.uint8)


def bounced(position: Tensor) -> Tensor:
    """A position that is reflected at -REACH and REACH as often as needed.

    >>> bounced(torch.tensor([0.1, 0.3, -0.8]))
    tensor([ 0.1000,  0.2000,  0.2000])
    """
    phase = (position + REACH) % (4 * REACH)
    return torch.where(phase > 2 * REACH, 4 * REACH - phase, phase) - REACH
