"""A comparison that takes seconds: images whose classes a network can tell apart, a narrow Conv-4."""

from __future__ import annotations

import torch

from episodes import ImageSet

SETTINGS = (
    "size=16",
    "encoder.options={width=8}",
    "train.steps=6",
    "train.batch_views=32",
    "evaluate.few_shot.ways=[4]",
    "evaluate.few_shot.shots=[1]",
    "evaluate.few_shot.query=4",
    "evaluate.few_shot.episodes=60",
    "evaluate.low_label.fractions=[]",
    "evaluate.low_label.per_class=[2]",
    "evaluate.low_label.steps=3",
)


def stripes(classes: int = 8, each: int = 12, name: str = "stripes") -> ImageSet:
    """(classes * each, 1, 16, 16): a bar at an angle for each class, with noise."""
    generator = torch.Generator().manual_seed(len(name))
    labels = torch.arange(classes).repeat_interleave(each)
    angle = labels * torch.pi / classes
    y, x = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 16), indexing="ij")
    distance = (x * angle.cos().view(-1, 1, 1) + y * angle.sin().view(-1, 1, 1)).abs()
    noise = 0.2 * torch.rand(len(labels), 16, 16, generator=generator)
    images = (255 * ((distance < 0.25) * 0.8 + noise)).to(torch.uint8).unsqueeze(1)
    return ImageSet(images, labels, tuple(f"{name} {i}" for i in range(classes)), name=name)
