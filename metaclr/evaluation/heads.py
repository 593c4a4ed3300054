"""Few-shot heads: a classifier of each episode from its support set, for all episodes at once.

A head turns support features (E, N, K, F) into linear scores: weight (E, N * G, F) and bias (E, N * G), where G
scores belong to each way and the largest counts (G = 1, but K for the nearest neighbor). Scoring the queries
of 10,000 episodes is then one batched matrix product, whatever the head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.errors import unknown
from metaclr.heads.logistic_solver import fit_logistic

Scores = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Head:
    """`fit` makes the scores; `unit` says that features are brought to length 1 first; `description` is its protocol.

    solver: many small steps on small matrices, which want more episodes at once than fit a core's cache.
    """

    fit: Callable[[Tensor], Scores]
    unit: bool
    description: str
    solver: bool = False


def cosine(support: Tensor) -> Scores:
    """Prototypes by cosine: the mean of unit-norm features, brought to length 1 again.

    support (E, N, K, F) of unit norm -> weight (E, N, F), bias (E, N).
    """
    prototypes = F.normalize(support.mean(2), dim=-1)
    return prototypes, prototypes.new_zeros(prototypes.shape[:2])


def squared_euclidean(support: Tensor) -> Scores:
    """Prototypes by squared Euclidean distance (Snell et al. 2017, arXiv:1703.05175).

    -|q - c|^2 = 2 q.c - |c|^2 - |q|^2, whose last term is the same for every way and falls away.
    support (E, N, K, F) -> weight (E, N, F), bias (E, N).
    """
    prototypes = support.mean(2)
    return 2 * prototypes, -prototypes.square().sum(-1)


def nearest(support: Tensor) -> Scores:
    """The nearest support example by cosine; its way wins. (E, N, K, F) -> weight (E, N * K, F), bias (E, N * K)."""
    weight = support.flatten(1, 2)
    return weight, weight.new_zeros(weight.shape[:2])


def ridge(support: Tensor, penalty: float = 1.0) -> Scores:
    """Ridge regression on one-hot labels (R2-D2; Bertinetto et al. 2019, arXiv:1805.08136).

    W = (S'S + penalty I)^-1 S'Y, by whichever of the two forms solves the smaller system.
    support (E, N, K, F) -> weight (E, N, F), bias (E, N) of zeros.
    """
    way, shot, features = support.shape[1:]
    rows = support.flatten(1, 2)
    one_hot = torch.eye(way, dtype=rows.dtype, device=rows.device).repeat_interleave(shot, 0)
    if way * shot <= features:
        gram = _plus_diagonal(rows @ rows.mT, penalty)
        weight = rows.mT @ torch.linalg.solve(gram, one_hot.expand(len(rows), -1, -1))
    else:
        weight = torch.linalg.solve(_plus_diagonal(rows.mT @ rows, penalty), rows.mT @ one_hot)
    return weight.mT, rows.new_zeros(len(rows), way)


def logistic(support: Tensor, c: float = 1.0) -> Scores:
    """Multinomial logistic regression, as scikit-learn's LogisticRegression(C=c) fits it.

    The head of Tian et al. 2020, "Rethinking few-shot image classification" (arXiv:2003.11539).
    support (E, N, K, F) -> weight (E, N, F), bias (E, N).
    """
    episodes, way, shot, _ = support.shape
    labels = torch.arange(way, device=support.device).repeat_interleave(shot)
    rows, labels = support.flatten(1, 2), labels.expand(episodes, -1)
    fitted = fit_logistic(rows, labels, classes=way, penalty=1 / (c * way * shot), tolerance=1e-10)
    return fitted.weight.mT, fitted.bias


HEADS = {
    "cosine": Head(cosine, unit=True, description="cosine prototypes"),
    "euclidean": Head(squared_euclidean, unit=False, description="squared Euclidean prototypes"),
    "nearest": Head(nearest, unit=True, description="nearest neighbor, cosine"),
    "ridge": Head(ridge, unit=True, description="ridge on unit-norm features, penalty 1", solver=True),
    "logistic": Head(logistic, unit=True, description="logistic regression on unit-norm features, C 1", solver=True),
}


def get_head(name: str) -> Head:
    """The head of that name. Raises UserError with the nearest name."""
    if name not in HEADS:
        raise unknown("head", name, HEADS)
    return HEADS[name]


def _plus_diagonal(matrix: Tensor, value: float) -> Tensor:
    return matrix + value * torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
