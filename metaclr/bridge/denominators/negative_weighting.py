"""Axis 9, denominators that reweight negatives: by hardness, by the chance of a false one, or by dropping some."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import ClassVar

import torch
from torch import Tensor

from metaclr.bridge.context import Context
from metaclr.bridge.logits.log_sum_exp import log_sum_exp
from metaclr.bridge.logits.logits import MASKED, Logits
from metaclr.errors import UserError


@dataclass(frozen=True)
class HardWeighted:
    r"""Weights hard negatives more and corrects for false negatives in expectation; for unit vectors.

    With $A = \frac{\sum_k w_k e^{l_k}}{\frac1n \sum_k w_k}$, $w_k = e^{\beta l_k}$ over the n negatives (HCL,
    Robinson et al. 2021, arXiv:2010.04592), the denominator is $e^{l^+} + \max\{\frac{A - n \tau^+ e^{l^+}}
    {1 - \tau^+}, n e^{-1/\tau}\}$ (debiased, Chuang et al. 2020, arXiv:2007.00224, which is beta = 0). With
    beta = 0 and tau_plus = 0 it is the cross-entropy. The weights carry gradient, as in the authors' code.
    """

    separates_positives: ClassVar[bool] = True
    beta: float = 1.0  # best of the authors' grid on STL-10 (joshr17/HCL)
    """How much harder negatives weigh more: a negative of logit l weighs e^(beta l); 0 weighs them alike."""
    tau_plus: float = 0.1  # joshr17/HCL
    """The chance that a negative is of the query's class, which the denominator corrects for; 0 corrects nothing."""

    def __post_init__(self) -> None:
        if self.beta < 0:
            raise UserError(f"denominator.beta = {self.beta} must not be below 0")
        if not 0 <= self.tau_plus < 1:
            raise UserError(f"denominator.tau_plus = {self.tau_plus} must be in [0, 1)")

    def __call__(self, logits: Logits, numerator: Tensor, context: Context, scale: Tensor | float) -> Tensor:
        positives = logits.log_sum_exp_positives()
        count = logits.count_negatives().to(positives.dtype)
        hard = logits.log_sum_exp_negatives(1 + self.beta)
        if self.beta > 0:
            hard = hard - logits.log_sum_exp_negatives(self.beta) + count.log()
        if self.tau_plus > 0:
            chance = positives - logits.count_positives().log() + (count * self.tau_plus).log()
            hard = log_difference(hard, chance) - log(1 - self.tau_plus)
        hard = torch.maximum(hard, count.log() - scale).where(count > 0, MASKED)
        return log_sum_exp(torch.stack([positives, hard], -1)) - numerator


def log_difference(more: Tensor, less: Tensor) -> Tensor:
    """log(e^more - e^less) where that is positive, else -inf with a zero gradient."""
    positive = more > less
    gap = (less - more).where(positive, -1.0)
    return torch.where(positive, more + torch.log(-torch.expm1(gap)), MASKED)


@dataclass(frozen=True)
class HardestNegatives:
    r"""Only the negatives of highest similarity: a share of them, or a number (Wang and Liu 2021).

    $L_{hard}$ of arXiv:2012.09740, which takes all negatives above the upper alpha-quantile.
    """

    separates_positives: ClassVar[bool] = True
    share: float = 0.0819  # the paper's alpha on CIFAR, 4,095 negatives of a memory bank
    """Share of the negatives that is kept, those of highest similarity."""
    count: int | None = None
    """A fixed number instead of the share."""

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UserError(f"denominator.share = {self.share} must be in (0, 1]")
        if self.count is not None and self.count < 1:
            raise UserError(f"denominator.count = {self.count} must be at least 1, or None for the share")

    def __call__(self, logits: Logits, numerator: Tensor, context: Context, scale: Tensor | float) -> Tensor:
        columns = logits.negative_logits.shape[-1]
        if self.count is None:
            # A share of each query's real negatives: its own row and empty queue slots are not among them.
            many: Tensor | int = (self.share * logits.negative.sum(-1, keepdim=True)).round().clamp(min=1)
            most = max(1, round(self.share * columns))
        else:
            many = most = self.count
        hardest = logits.negative_logits.topk(min(most, columns), -1).values
        rank = torch.arange(hardest.shape[-1], device=hardest.device)
        hardest = hardest.masked_fill(rank >= many, MASKED)
        return log_sum_exp(torch.cat([logits.positive_logits, hardest], -1)) - numerator


@dataclass(frozen=True)
class SimilarityThreshold:
    """Only negatives whose similarity, before the temperature, is at least `threshold` (Wang and Liu 2021)."""

    separates_positives: ClassVar[bool] = True
    threshold: float = 0.0
    """Least similarity of a negative that is kept, before the temperature."""

    def __call__(self, logits: Logits, numerator: Tensor, context: Context, scale: Tensor | float) -> Tensor:
        easy = logits.negative_logits.detach() < self.threshold * scale
        hard = logits.negative_logits.masked_fill(easy, MASKED)
        return log_sum_exp(torch.cat([logits.positive_logits, hard], -1)) - numerator
