"""What a support set says about itself: logits and similarities of each image with that image left out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.heads import Head
from metaclr.inference.support_layout import equal_shots

MAX_FOLDS = 50
"""Classifiers fitted; a class with more images has several of them left out at once."""


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Of the S' support images that have a class mate. rows: which (S',). logits (S', N). similarity (S',).

    similarity: cosine to the most similar image of the rest of the support.
    """

    rows: Tensor
    logits: Tensor
    similarity: Tensor


def leave_one_out(head: Head, rows: Tensor, labels: Tensor, way: int) -> LeftOut:
    """Leave images of every class out in turn, one a class at a time, and classify them by the others.

    Args:
        rows: (S, D). labels: (S,) in 0..N-1. way: N.
    """
    place = torch.zeros_like(labels)  # of an image among those of its class
    counts = torch.bincount(labels, minlength=way)
    for label in range(way):
        place[labels == label] = torch.arange(int(counts[label]), device=labels.device)
    folds = min(int(counts.max()), MAX_FOLDS)
    # A class of fewer images than folds has nothing left out in the last ones.
    fold = torch.where(counts[labels] > 1, place % folds, -1)
    unit = F.normalize(rows, dim=-1)
    at: list[Tensor] = []
    logits: list[Tensor] = []
    similarity: list[Tensor] = []
    for number in range(folds):
        out = fold == number
        if not bool(out.any()):
            continue
        kept = ~out
        classifier = head.fit(equal_shots(rows[kept], labels[kept], way))
        at.append(out.nonzero().flatten())
        logits.append(classifier.logits(rows[out].unsqueeze(0))[0])
        similarity.append((unit[out] @ unit[kept].mT).amax(1))
    if not at:
        return LeftOut(labels.new_zeros(0), rows.new_zeros(0, way), rows.new_zeros(0))
    return LeftOut(torch.cat(at), torch.cat(logits), torch.cat(similarity))
