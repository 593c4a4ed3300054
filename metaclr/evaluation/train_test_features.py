"""Training and test features with their labels, checked once, classes numbered without gaps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from episodes import random
from metaclr.errors import UserError


@dataclass(frozen=True)
class TrainTestFeatures:
    """x (n, F) and y (n,) to learn from, x_test (m, F) and y_test (m,) to be judged on.

    Classes are numbered 0..classes-1 in the training part; a test image of any other class has label -1, so
    that it counts as wrong.
    """

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor
    classes: int


def parts(x: Tensor, y: Tensor, x_test: Tensor, y_test: Tensor) -> TrainTestFeatures:
    """Checked parts. x (n, F), y (n,) int64, x_test (m, F), y_test (m,) int64.

    Raises:
        UserError: an empty part, features that do not fit labels or each other, or one class only.
    """
    for name, features, labels in (("training", x, y), ("test", x_test, y_test)):
        if features.ndim != 2 or labels.shape != features.shape[:1]:
            raise UserError(
                f"{name} part: features must be (M, F) and labels (M,), not {tuple(features.shape)} and "
                f"{tuple(labels.shape)}"
            )
        if not len(features):
            raise UserError(f"the {name} part is empty")
    if x.shape[1] != x_test.shape[1]:
        raise UserError(f"training features have {x.shape[1]} numbers, test features {x_test.shape[1]}")
    y, y_test = y.to(x.device), y_test.to(x.device)
    known = torch.unique(y)
    if len(known) < 2:
        raise UserError("the training part has one class only; there is nothing to tell apart")
    place = torch.searchsorted(known, y_test).clamp(max=len(known) - 1)
    renumbered = torch.where(known[place] == y_test, place, -1)
    return TrainTestFeatures(x, torch.searchsorted(known, y), x_test, renumbered, len(known))


def held_out_third(labels: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Indices to fit on, and a stratified third held out from them to choose a setting with: both sorted.

    labels (n,) int64. A class gives a third of its images, rounded down, so that none loses its last one; a
    class with fewer than three gives none, and the held-out part may be empty.
    """
    rows = torch.arange(len(labels))
    y = labels.cpu()
    mixed = torch.argsort(random.random_words(random.key(seed, "held-out third"), rows))
    order = mixed[torch.argsort(y[mixed], stable=True)]  # by class, at random within each
    counts = torch.bincount(y)
    first = counts.cumsum(0) - counts
    rank = torch.empty_like(rows)
    rank[order] = rows - first[y[order]]
    held = rank < (counts // 3)[y]
    return (~held).nonzero().flatten(), held.nonzero().flatten()
