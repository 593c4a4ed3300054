"""The one interpolation of a view: an affine map, a displacement, a window, and a single bilinear sampling."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def sampling_grid(theta: Tensor, height: int, width: int) -> Tensor:
    """Where each output pixel is read, as planes of x and y: (B, 2, H, W) in -1..1, from maps (B, 2, 3).

    `affine_grid(align_corners=False)` with the coordinates in front: many times as fast on a CPU.
    """
    across = (torch.arange(width, device=theta.device) * 2 + 1) / width - 1
    down = (torch.arange(height, device=theta.device) * 2 + 1) / height - 1
    grid = theta[:, :, 0:1] * across.repeat(height)  # whole images as one row: long inner loops
    grid.addcmul_(theta[:, :, 1:2], down.unsqueeze(1).expand(-1, width).flatten()).add_(theta[:, :, 2:3])
    return grid.view(-1, 2, height, width)


def keep_inside(grid: Tensor, center: Tensor, size: Tensor) -> Tensor:
    """Keep a grid (B, 2, H, W) within the pixel centers of a window: center (B, 2) in -1..1, size (B, 2), a share.

    Half a pixel beyond the window its edge is repeated, as when the crop is cut out first and resized then.
    """
    height, width = grid.shape[-2:]
    x, y = (size[:, 0] - 1 / width).clamp_min(0), (size[:, 1] - 1 / height).clamp_min(0)
    reach = torch.stack([x, y], dim=-1)
    least, most = (center - reach)[..., None, None], (center + reach)[..., None, None]
    return torch.minimum(torch.maximum(grid, least), most)


def sample(images: Tensor, grid: Tensor) -> Tensor:
    """Read float images (B, C, H, W) at a grid (B, 2, H, W), bilinearly; outside is 0.

    There is no antialiasing and none is needed as long as a view does not shrink its image: a crop of at most
    the whole image is always enlarged, where torchvision's `antialias=True` changes nothing either.
    """
    places = grid.permute(0, 2, 3, 1)
    return F.grid_sample(images, places, mode="bilinear", padding_mode="zeros", align_corners=False)
