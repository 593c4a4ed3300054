"""Turns by 90 degrees without interpolation: pixels only change places."""

from __future__ import annotations

import torch
from torch import Tensor

from episodes.errors import EpisodeError


def quarter_turns(pixels: Tensor, quarters: Tensor) -> Tensor:
    """Turn square images by quarters of a turn, counter-clockwise as `torch.rot90` does, each by its own number.

    Turns of (T, N) ways are the same for all V views: a task transform, under which a turned image is a new
    class ("task augmentation", Ni et al. 2022; Omniglot's turned classes, Vinyals et al. 2016).

    Args:
        pixels: (*lead, ..., C, H, W), any type; (B, C, H, W) or (T, N, V, C, H, W).
        quarters: (*lead) int64, for instance (B,) or (T, N).

    Raises:
        EpisodeError: images that are not square, or quarters that do not match the leading axes.
    """
    side = pixels.shape[-1]
    if pixels.shape[-2] != side:
        raise EpisodeError(f"quarter turns need square images, not {pixels.shape[-2]} x {side}")
    if pixels.shape[: quarters.ndim] != quarters.shape:
        raise EpisodeError(f"quarters {tuple(quarters.shape)} do not lead pixels {tuple(pixels.shape)}")
    cells = torch.arange(side * side, device=pixels.device).view(side, side)
    maps = torch.stack([torch.rot90(cells, k).flatten() for k in range(4)])
    flat = pixels.reshape(quarters.numel(), -1, side * side)
    places = maps[quarters.reshape(-1) % 4].unsqueeze(1).expand_as(flat)
    return flat.gather(2, places).view(pixels.shape)
