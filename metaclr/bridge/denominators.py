"""Axis 9, the denominator: how a query's logits become its loss."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from metaclr.bridge.logits import Logits


@dataclass(frozen=True)
class Everything:
    r"""Cross-entropy: $\log \sum_c e^{l_c}$ over all columns, the positives among them, less the numerator."""

    def __call__(self, logits: Logits, numerator: Tensor, scale: Tensor | float) -> Tensor:
        return logits.log_sum_exp() - numerator


everything = Everything()
