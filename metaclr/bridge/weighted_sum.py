"""A weighted sum of objectives on the same embeddings (L_spread, PsCo)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.spec import ObjectiveSpec, Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class WeightedSum(ObjectiveSpec):
    """`sum of weight * objective`; `accuracy` is that of the first term."""

    terms: tuple[tuple[float, ObjectiveSpec], ...] = ()

    def __post_init__(self) -> None:
        if not self.terms:
            raise UserError("terms is empty; a weighted sum needs at least one (weight, objective)")

    @property
    def needs_labels(self) -> bool:
        """Whether any term does."""
        return any(objective.needs_labels for _, objective in self.terms)

    @property
    def needs_momentum_encoder(self) -> bool:
        """Whether any term does."""
        return any(objective.needs_momentum_encoder for _, objective in self.terms)

    def module(self, sizes: Sizes) -> nn.Module:
        """The terms' modules, summed."""
        return WeightedSumLoss(self, sizes)


class WeightedSumLoss(nn.Module):
    """Embeddings `(T, N, V, D)` to the weighted sum of the terms' losses."""

    def __init__(self, settings: WeightedSum, sizes: Sizes) -> None:
        super().__init__()
        self.weights = [weight for weight, _ in settings.terms]
        self.terms = nn.ModuleList(objective.module(sizes) for _, objective in settings.terms)

    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The weighted sum."""
        losses = [weight * term(embeddings, context) for weight, term in zip(self.weights, self.terms, strict=True)]
        total: Tensor = sum(losses[1:], losses[0])
        return total

    @property
    def accuracy(self) -> Tensor | None:
        """Accuracy of the first term."""
        accuracy: Tensor | None = getattr(self.terms[0], "accuracy", None)
        return accuracy
