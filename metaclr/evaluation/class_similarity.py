"""How alike the classes of an episode look: cosine of their mean images, in pixels, the same for every encoder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from episodes import ImageSet
from metaclr.evaluation.inspection import choose_images
from metaclr.evaluation.target import Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_EPISODES = 500
"""Episodes of a table from which on similarities are computed and stored: fewer say nothing about a trend."""
_BLOCK = 1024


def class_similarity(images: ImageSet) -> Tensor:
    """Cosines (C, C) of the mean images of the classes, after the mean over classes is taken off; float32.

    Pixels at the size of the comparison, over at most the images that `choose_images` classifies.
    """
    index = choose_images(images).classified
    labels = images.required_labels()[index]
    sums = torch.zeros(images.classes, images.images[:1].numel())
    for start in range(0, len(index), _BLOCK):
        block = images.images[index[start : start + _BLOCK]].float().flatten(1).cpu()
        sums.index_add_(0, labels[start : start + _BLOCK], block)
    means = sums / torch.bincount(labels, minlength=images.classes).clamp(min=1).unsqueeze(1)
    unit = F.normalize(means - means.mean(0), dim=1)
    return unit @ unit.T


def episode_similarity(similarity: Tensor, classes: Tensor) -> Tensor:
    """Mean cosine (E,) of the pairs of classes of each episode, from cosines (C, C) and classes (E, N)."""
    way = classes.shape[1]
    pairs = similarity[classes.unsqueeze(2), classes.unsqueeze(1)].sum((1, 2)) - way
    return pairs / (way * (way - 1))


def similarities(targets: Iterable[Target]) -> dict[str, NDArray[np.float32]]:
    """`episode_similarity` of every table with `MIN_EPISODES` or more, by the digest that protocols name.

    Tables whose episodes all have the same classes are left out.
    """
    found = {}
    for target in targets:
        tables = [t for t in target.tables if len(t) >= MIN_EPISODES and 1 < t.shape.way < target.images.classes]
        if tables:
            labels, similarity = target.images.required_labels(), class_similarity(target.images)
            for table in tables:
                found[table.digest[:16]] = episode_similarity(similarity, labels[table.support[:, :, 0].cpu()]).numpy()
    return found
