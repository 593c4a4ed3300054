"""The one objective: contrastive and few-shot losses as settings of nine axes."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import torch
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.denominators import Everything, everything
from metaclr.bridge.embedding import Embedding, unit_norm
from metaclr.bridge.prototypes import Prototypes
from metaclr.bridge.roles import Roles, leave_one_out
from metaclr.bridge.rows import Matching, Pairs
from metaclr.bridge.spec import ObjectiveSpec, Sizes


@dataclass(frozen=True)
class Objective(ObjectiveSpec):
    """Settings of the bridge; the defaults are SimCLR's."""

    labels: str = "instance"
    roles: Roles = leave_one_out
    embedding: Embedding = unit_norm
    head: Pairs | Matching | Prototypes = Pairs()
    temperature: float = 0.5
    learn_temperature: bool = False
    denominator: Everything = everything

    @property
    def needs_labels(self) -> bool:
        return self.labels == "given"

    def module(self, sizes: Sizes) -> nn.Module:
        return Bridge(self)


class Bridge(nn.Module):
    """Embeddings `(T, N, V, D)` to the scalar loss of an `Objective`; `accuracy` is that of the last batch."""

    def __init__(self, settings: Objective) -> None:
        super().__init__()
        self.settings = settings
        self.accuracy: Tensor | None = None

    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        context = context or Context()
        own = self.settings
        with torch.autocast(embeddings.device.type, enabled=False):
            queries = own.embedding(embeddings.float() if embeddings.dtype.itemsize < 4 else embeddings)
            support = queries if context.target is None else own.embedding(context.target.to(queries.dtype))
            turn = own.roles(queries, support, context.shot)
            logits = own.head(turn, context.labels if own.labels == "given" else None, 1 / own.temperature)
            losses = own.denominator(logits, own.head.numerator(logits.own), 1 / own.temperature)
            self.accuracy = logits.right().float().mean()
            return losses.mean()
