"""Support rows of classes with unequal shots as the (1, N, K, D) that heads take."""

from __future__ import annotations

from math import lcm

import torch
from torch import Tensor

MAX_REPEATED = 64
"""Rows a class up to which shots are made equal exactly, by their least common multiple."""


def equal_shots(rows: Tensor, labels: Tensor, way: int) -> Tensor:
    """Support (1, N, K, D) of rows (S, D) with labels (S,) in 0..N-1: every class repeats its rows to K.

    K is the least common multiple of the shots, so that every row of a class counts alike and every class has the same
    weight: means, and so prototypes, are those of the rows; a regression weighs classes equally. Where that would be
    over `MAX_REPEATED` rows and over the largest class, K is the larger of the two and the repetitions of two rows of a
    class differ by at most one.

    >>> equal_shots(torch.tensor([[0.0], [2.0], [5.0]]), torch.tensor([0, 0, 1]), 2).squeeze(-1)
    tensor([[[0., 2.],
             [5., 5.]]])

    Raises:
        ValueError: a class without a row.
    """
    counts = torch.bincount(labels, minlength=way).tolist()
    if min(counts) < 1:
        raise ValueError(f"class {counts.index(0)} has no support row")
    most = max(counts)
    exact = lcm(*counts)
    shot = exact if exact <= max(most, MAX_REPEATED) else max(most, MAX_REPEATED)
    places = torch.arange(shot, device=rows.device)
    own = [(labels == label).nonzero().flatten() for label in range(way)]
    index = torch.stack([of[places % len(of)] for of in own])
    return rows[index].unsqueeze(0)
