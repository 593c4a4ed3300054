"""TIM: prototypes maximize the mutual information of queries and predictions (Boudiaf et al. 2020, arXiv:2008.11297).

Transductive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.errors import UserError
from metaclr.heads.linear_classifier import LinearClassifier
from metaclr.heads.prototypes import class_means


@dataclass(frozen=True)
class TIM:
    """Adam steps on the prototypes: cross-entropy of support - marginal entropy + 0.1 conditional entropy of queries.

    Logits are scale cos(query, prototype). Defaults are easyfsl's. Each episode has its own prototypes and moments, so
    the episodes are independent although they step together.

    Raises:
        UserError: steps below 1, or a rate or scale that is not above 0.
    """

    transductive: ClassVar[bool] = True
    iterative: ClassVar[bool] = True
    steps: int = 50
    lr: float = 1e-4
    scale: float = 10.0
    conditional_weight: float = 0.1

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.lr > 0 or not self.scale > 0:
            raise UserError(
                f"TIM needs steps of at least 1, lr and scale above 0, not {self.steps}, {self.lr}, {self.scale}"
            )

    def fit(self, support: Tensor) -> TIMClassifier:
        """Support (E, N, K, D), kept until the queries are known."""
        return TIMClassifier(self, support)


@dataclass(frozen=True, eq=False)
class TIMClassifier:
    """support: (E, N, K, D)."""

    settings: TIM
    support: Tensor

    def logits(self, query: Tensor) -> Tensor:
        """Scaled cosine (E, R, N) of queries (E, R, D) to the tuned prototypes; without gradient through the steps."""
        scale = self.settings.scale
        with torch.inference_mode(False), torch.enable_grad():
            # Clones: tensors made in inference mode cannot be saved for a backward pass.
            support = F.normalize(self.support.detach().clone().flatten(1, 2), dim=-1)
            query_units = F.normalize(query.detach().clone(), dim=-1)
            prototypes = class_means(self.support.detach().clone()).requires_grad_(True)
            optimizer = torch.optim.Adam([prototypes], lr=self.settings.lr)
            for _ in range(self.settings.steps):
                loss = _loss(support, query_units, F.normalize(prototypes, dim=-1), self.settings)
                (prototypes.grad,) = torch.autograd.grad(loss, [prototypes])
                optimizer.step()
        weight = scale * F.normalize(prototypes.detach(), dim=-1)
        return LinearClassifier(weight, None, weight.shape[1], unit_query=True).logits(query)


def _loss(support: Tensor, query: Tensor, prototypes: Tensor, settings: TIM) -> Tensor:
    """Sum over episodes, so that the gradient of each is its own. Unit-norm support (E, N K, D), query (E, R, D)."""
    way = prototypes.shape[1]
    of_support = settings.scale * support @ prototypes.mT
    target = torch.arange(way, device=support.device).repeat_interleave(support.shape[1] // way)
    cross_entropy = -of_support.log_softmax(-1).gather(-1, target.view(1, -1, 1).expand(len(support), -1, 1)).mean(1)
    probabilities = (settings.scale * query @ prototypes.mT).softmax(-1)
    conditional = -(probabilities * (probabilities + 1e-12).log()).sum(-1).mean(1)
    marginal = probabilities.mean(1)
    entropy = -(marginal * marginal.log()).sum(-1)
    return (cross_entropy.squeeze(-1) - entropy + settings.conditional_weight * conditional).sum()
