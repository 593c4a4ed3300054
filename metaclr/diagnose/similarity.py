"""Histograms of the cosines of positive and negative pairs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metaclr.diagnose.rows import check_views, unit_chunks
from metaclr.errors import UserError

BINS = 40_000
"""Fine enough for encoders whose cosines all lie above 0.99; figures merge them."""


@dataclass(frozen=True)
class Similarities:
    """Counts (BINS,) of pairs by cosine, bins of equal width from -1 to 1; `same_class` is empty without labels."""

    positives: Tensor
    """Views of one image."""
    same_class: Tensor
    """Views of two images of one class."""
    negatives: Tensor
    """Views of two images, of different classes where there are labels."""

    @property
    def edges(self) -> Tensor:
        """(BINS + 1,) bounds of the bins."""
        return torch.linspace(-1, 1, BINS + 1, dtype=torch.float64)


def similarities(views: Tensor, labels: Tensor | None = None) -> Similarities:
    """Cosines of all pairs of views (B, V, D), counted once each. labels: (B,) classes of the images.

    Raises:
        UserError: another shape.
    """
    check_views("similarities", views, 2)
    count, per_image = views.shape[:2]
    if labels is not None and labels.shape != (count,):
        raise UserError(f"similarities need labels ({count},), not {tuple(labels.shape)}")
    unit = torch.cat([part.flatten(0, 1) for part in unit_chunks(views, 1024)]).cpu()
    image = torch.arange(count).repeat_interleave(per_image)
    classes = image if labels is None else labels.cpu()[image]
    found = [torch.zeros(BINS, dtype=torch.int64) for _ in range(3)]
    places = torch.arange(len(unit))
    for start in range(0, len(unit), 512):
        rows = slice(start, start + 512)
        bins = ((unit[rows] @ unit.mT + 1) * (BINS / 2)).long().clamp_(0, BINS - 1)
        once = places > places[rows].unsqueeze(1)
        same_image = image == image[rows].unsqueeze(1)
        same_class = classes == classes[rows].unsqueeze(1)
        for kind, chosen in enumerate((same_image, same_class & ~same_image, ~same_class)):
            found[kind] += torch.bincount(bins[chosen & once], minlength=BINS)
    return Similarities(*found)
