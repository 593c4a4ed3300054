"""Views of evaluation images for label-free measures: the same images and the same views for every encoder."""

from __future__ import annotations

import torch

from episodes import Episode, ImageSet, Views, render


def spaced(count: int, most: int) -> torch.Tensor:
    """At most `most` of the indices 0..count-1, evenly spaced."""
    kept = min(most, count)
    return torch.arange(kept) * count // max(kept, 1)


def probe_views(images: ImageSet, recipe: Views, views: int, *, seed: int = 0) -> ImageSet:
    """`views` views of each of B images, next to each other: uint8 (B V, C, H, W), without labels."""
    count = len(images)
    index = torch.arange(count).view(1, count, 1).expand(1, count, views).contiguous()
    number = torch.arange(views).expand(1, count, views).contiguous()
    drawn = render(images, Episode(index, number, index[..., 0].contiguous(), 1), recipe, seed=seed)
    return ImageSet((255 * drawn.flatten(0, 2)).round().to(torch.uint8), name=f"views of {images.name}")
