"""Cross-entropy of a linear classifier over all classes: supervised learning, the reference of every table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.losses.common import full_precision
from metaclr.bridge.objective import check_shapes
from metaclr.bridge.spec import ObjectiveSpec, Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class Supervised(ObjectiveSpec):
    """Softmax regression on the embeddings, trained with them."""

    formula: ClassVar[str] = r"-\log\frac{e^{w_y^\top z + b_y}}{\sum_c e^{w_c^\top z + b_c}}"

    @property
    def needs_labels(self) -> bool:
        """Always."""
        return True

    def module(self, sizes: Sizes) -> nn.Module:
        """The classifier.

        Raises:
            UserError: the number of classes is not known.
        """
        if sizes.classes < 1:
            raise UserError("supervised needs the number of classes: give classes, those of the training set")
        return Classifier(sizes)


class Classifier(nn.Module):
    """Every row of `(T, N, V, D)` is classified; the label is its way's."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.linear = nn.Linear(sizes.dim, sizes.classes)
        self.accuracy: Tensor | None = None

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """Mean cross-entropy.

        Raises:
            UserError: no labels.
        """
        context = check_shapes(embeddings, context)
        if context.labels is None:
            raise UserError("supervised needs Context.labels, the class of each way")
        target = context.labels.unsqueeze(-1).expand(embeddings.shape[:3]).flatten()
        logits = self.linear(embeddings.to(self.linear.weight.dtype).flatten(0, 2))
        self.accuracy = (logits.detach().argmax(-1) == target).float().mean()
        return F.cross_entropy(logits, target)
