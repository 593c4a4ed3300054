"""A small labelled image set with signal, and an encoder that is quick on a CPU."""

from __future__ import annotations

import torch
from torch import nn

from episodes import ImageSet


def blobs(classes: int = 12, per_class: int = 24, *, seed: int = 0, noise: float = 60.0, size: int = 8) -> ImageSet:
    """One random pattern per class, with pixel noise."""
    made = torch.Generator().manual_seed(seed)
    patterns = torch.rand(classes, 1, 1, size, size, generator=made) * 255
    images = patterns + noise * torch.randn(classes, per_class, 1, size, size, generator=made)
    labels = torch.arange(classes).repeat_interleave(per_class)
    return ImageSet(images.clamp(0, 255).to(torch.uint8).flatten(0, 1), labels, name="blobs")


def small_encoder(seed: int = 0, width: int = 16) -> nn.Module:
    """A convolution with BatchNorm, its weights and running statistics from the seed alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        norm = nn.BatchNorm2d(width)
        norm.load_state_dict({"running_mean": 0.1 * torch.randn(width)}, strict=False)
        return nn.Sequential(nn.Conv2d(1, width, 3, padding=1), norm, nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten())
