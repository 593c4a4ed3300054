"""Multinomial logistic regression on the support (Tian et al. 2020, arXiv:2003.11539)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from metaclr.errors import UserError
from metaclr.heads.linear_classifier import LinearClassifier
from metaclr.heads.logistic_solver import fit_logistic


@dataclass(frozen=True)
class LogisticRegression:
    """As scikit-learn's LogisticRegression(C=c) fits it. For evaluation: no gradient passes through the solver.

    Raises:
        UserError: c that is not above 0.
    """

    iterative: ClassVar[bool] = True
    c: float = 1.0

    def __post_init__(self) -> None:
        if not self.c > 0:
            raise UserError(f"logistic regression c = {self.c} must be above 0")

    @torch.no_grad()
    def fit(self, support: Tensor) -> LinearClassifier:
        """Support (E, N, K, D) -> one column per way."""
        episodes, way, shot, _ = support.shape
        labels = torch.arange(way, device=support.device).repeat_interleave(shot).expand(episodes, -1)
        penalty = 1 / (self.c * way * shot)
        fitted = fit_logistic(support.flatten(1, 2), labels, classes=way, penalty=penalty, tolerance=1e-10)
        return LinearClassifier(fitted.weight.mT, fitted.bias, way)
