"""Training and test features with labels: checked once, classes numbered 0..C-1."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from episodes import random
from metaclr.errors import UserError


@dataclass(frozen=True)
class TrainTestFeatures:
    """x (n, F) and y (n,) to fit on, x_test (m, F) and y_test (m,) to measure on.

    y lies in 0..classes-1. A test label is -1 (no class) where the training part lacks its class, so that the image
    counts as wrong.
    """

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor
    classes: int


def check_features(x: Tensor, y: Tensor, x_test: Tensor, y_test: Tensor) -> TrainTestFeatures:
    """Validate features and labels of both parts, and renumber the classes.

    Args:
        x, y: training features (n, F) and labels int64 (n,). x_test, y_test: (m, F) and int64 (m,) of the test part.

    Raises:
        UserError: an empty part, shapes that do not agree, or a training part of one class.
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
        raise UserError(f"training features have {x.shape[1]} dimensions, test features {x_test.shape[1]}")
    y, y_test = y.to(x.device), y_test.to(x.device)
    classes = torch.unique(y)
    if len(classes) < 2:
        raise UserError("the training part has one class only; a classifier needs at least two")
    place = torch.searchsorted(classes, y_test).clamp(max=len(classes) - 1)
    renumbered = torch.where(classes[place] == y_test, place, -1)
    return TrainTestFeatures(x, torch.searchsorted(classes, y), x_test, renumbered, len(classes))


def held_out_third(labels: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Split indices of labels int64 (n,) into a part to fit on and a stratified third to choose a setting on.

    Returns:
        Two sorted index tensors. A class gives a third of its images, rounded down: one with fewer than three gives
        none, and the second tensor may be empty.
    """
    rows = torch.arange(len(labels))
    y = labels.cpu()
    mixed = torch.argsort(random.random_words(random.key(seed, "held-out third"), rows))
    order = mixed[torch.argsort(y[mixed], stable=True)]  # by class, at random within each
    counts = torch.bincount(y)
    first = counts.cumsum(0) - counts
    rank = torch.empty_like(rows)
    rank[order] = rows - first[y[order]]
    validation = rank < (counts // 3)[y]
    return (~validation).nonzero().flatten(), validation.nonzero().flatten()
