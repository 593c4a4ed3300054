"""Hard negatives of mentions, found anew between rounds of a training (TABi)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.networks.eval_mode import evaluation_mode
from metaclr.text.entities import Entities
from metaclr.text.entity_sampler import HardNegatives, nearest_wrong

_BATCH = 512


@dataclass(frozen=True, eq=False)
class EntityRefresh:
    """A `Refresh`: embeds all texts by the weights as they are, and finds the wrong entities nearest to each mention.

    rounds: parts of the training of one length; the first has no hard negatives. tokens: of entities, then mentions.
    """

    learner: nn.Module
    entities: Entities
    tokens: Tensor
    hard: HardNegatives
    rounds: int
    total: int

    def is_due(self, step: int) -> bool:
        """Whether a round other than the first begins with this step."""
        return step in {round(self.total * r / self.rounds) for r in range(1, self.rounds)}

    def __call__(self, step: int) -> None:
        """Find them: a function of the weights before this step."""
        rows = embed_texts(self.learner, self.tokens)
        count, trained = len(self.entities.names), ~self.entities.tested
        allowed = self.entities.counts > 0
        found = nearest_wrong(
            rows[count:][trained], rows[:count], self.entities.of[trained], allowed, self.hard.nearest.shape[1]
        )
        self.hard.set(found, step)


@torch.no_grad()
def embed_texts(learner: nn.Module, tokens: Tensor) -> Tensor:
    """Unit embeddings float32 (M, D) as the loss compares them, on the CPU."""
    encoder, projector = learner.get_submodule("encoder"), learner.get_submodule("projector")
    at = next(encoder.parameters()).device
    with evaluation_mode(encoder), evaluation_mode(projector):
        rows = [projector(encoder(part.to(at))).float().cpu() for part in torch.split(tokens, _BATCH)]
    return F.normalize(torch.cat(rows), dim=1)
