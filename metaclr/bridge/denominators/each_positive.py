"""Axis 9, every positive alone with the negatives in its denominator (L_spread's attractive term)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from metaclr.bridge.context import Context
from metaclr.bridge.logits.logits import MASKED, Logits


@dataclass(frozen=True)
class EachPositive:
    r"""Mean over positives p of $\log(e^{l_p} + \sum_{c^-} e^{l_c}) - l_p$ (HazyResearch/thanos-code, `l_spread`).

    Unlike cross-entropy, the other positives are not in the denominator, so they do not repel each other.
    """

    separates_positives: ClassVar[bool] = True

    def __call__(self, logits: Logits, numerator: Tensor, context: Context, scale: Tensor | float) -> Tensor:
        positives = logits.positive_logits
        present = positives > MASKED
        negatives = logits.log_sum_exp_negatives().unsqueeze(-1)
        denominators = torch.logaddexp(positives.where(present, 0), negatives).where(present, 0)
        return denominators.sum(-1) / present.sum(-1).clamp(min=1) - numerator
