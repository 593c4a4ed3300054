"""Axis 9, the denominator: how the logits of a query become its loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from metaclr.bridge.context import Context
from metaclr.bridge.logits.logits import MASKED, Logits
from metaclr.errors import UserError


@dataclass(frozen=True)
class CrossEntropy:
    r"""Cross-entropy: $\log \sum_c e^{l_c}$ over all columns, positives included."""

    separates_positives: ClassVar[bool] = False

    def __call__(self, logits: Logits, numerator: Tensor, context: Context, scale: Tensor | float) -> Tensor:
        return logits.log_sum_exp() - numerator


@dataclass(frozen=True)
class Decoupled:
    r"""Without the positives in the denominator: $\log \sum_{c^-} e^{l_c}$ (DCL, Yeh et al. 2021).

    With `sigma`, the positive term is weighted by $2 - e^{s^+/\sigma} / E[e^{s^+/\sigma}]$ (DCLW), without
    gradient through the weight; s is the similarity before the temperature.
    """

    separates_positives: ClassVar[bool] = True
    sigma: float | None = None
    """Temperature of the weight of the positive term (DCLW); none: the term has weight 1 (DCL)."""

    def __post_init__(self) -> None:
        if self.sigma is not None and self.sigma <= 0:
            raise UserError(f"denominator.sigma = {self.sigma} must be above 0, or None for no weights")

    def __call__(self, logits: Logits, numerator: Tensor, context: Context, scale: Tensor | float) -> Tensor:
        if self.sigma is not None:
            share = (numerator / scale / self.sigma).detach().softmax(-1)
            numerator = (2 - share.shape[-1] * share) * numerator
        denominator = logits.log_sum_exp_negatives()
        return (denominator - numerator).where(denominator > MASKED, 0)


@dataclass(frozen=True)
class SimpleContrastive:
    r"""No logarithm: $-l^+ + \lambda \sum_{c^-} l_c$, the limit of the others for a high temperature.

    $L_{simple}$ of Wang and Liu 2021, arXiv:2012.09740. lambda None is 1 / (number of negatives).
    """

    separates_positives: ClassVar[bool] = True
    weight: float | None = None

    def __call__(self, logits: Logits, numerator: Tensor, context: Context, scale: Tensor | float) -> Tensor:
        negatives = logits.values.where(logits.negative, 0).sum(-1)
        if self.weight is None:
            return negatives / logits.negative.sum(-1).clamp(min=1) - numerator
        return self.weight * negatives - numerator


@dataclass(frozen=True)
class SquaredError:
    r"""No denominator: every column's sigmoid score regressed to 1 (own class) or 0 (Sung et al. 2018)."""

    separates_positives: ClassVar[bool] = False

    def __call__(self, logits: Logits, numerator: Tensor, context: Context, scale: Tensor | float) -> Tensor:
        allowed = logits.values != MASKED
        error = (logits.values.sigmoid() - logits.positive.to(logits.values.dtype)).square()
        return error.where(allowed, 0).sum(-1) / allowed.sum(-1)


cross_entropy = CrossEntropy()
decoupled = Decoupled()
