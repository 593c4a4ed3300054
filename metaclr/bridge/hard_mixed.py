"""Axis 8, mixed negatives: each query's nearest rows of other images, mixed with the query itself.

"Hard mixed supports" of Ye, Han and Zhan 2020, arXiv:2011.14663 (hanlu-nju/revisiting-UML).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.logits.logits import MASKED, Logits
from metaclr.bridge.roles import RoleAssignment
from metaclr.bridge.spec import Sizes
from metaclr.errors import UserError
from metaclr.heads.similarity import Similarity, semi_normalized


@dataclass(frozen=True)
class HardMixed:
    """A query q gets `count` more columns `(1 - c) z + c q`, c uniform in [0, strength], z of the whole batch.

    z are the rows most similar to q, of other images than its own; which ones takes no gradient, the mixture does.
    """

    needs_labels: ClassVar[bool] = False
    needs_batch: ClassVar[bool] = True
    count: int = 10  # the authors' hard_negs
    """Mixed negatives that are added for each query."""
    strength: float = 0.5  # the authors' script
    """Largest share of the query in a mixed negative."""
    similarity: Similarity = semi_normalized

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UserError(f"negatives.count = {self.count} must be at least 1")
        if not 0 <= self.strength <= 1:
            raise UserError(f"negatives.strength = {self.strength} must be in [0, 1]")

    def module(self, sizes: Sizes) -> nn.Module:
        """The module with the counter of its draws."""
        return HardMixer(self, sizes.seed)


class HardMixer(nn.Module):
    """Draws c as a function of (seed, calls so far); the count is part of the checkpoint.

    c is drawn for each query of each task; the authors' is the same in all tasks that an image view is drawn into.
    """

    calls: Tensor

    def __init__(self, settings: HardMixed, seed: int) -> None:
        super().__init__()
        self.settings, self.seed = settings, seed
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, logits: Logits, assignment: RoleAssignment, context: Context, scale: Tensor | float) -> Logits:
        from episodes.random import key, uniform

        if context.batch is None or context.images is None:
            raise UserError("mixed negatives need Context.batch and Context.images")
        similarity, query = self.settings.similarity, assignment.query.flatten(1, 2)
        rows, images = context.batch
        own = context.images.reshape(*context.images.shape[:2], -1)[..., 0].repeat_interleave(
            assignment.query.shape[2], 1
        )
        with torch.no_grad():
            other = own.unsqueeze(-1) != images
            scores = similarity(query, rows, 1.0).masked_fill(~other, float("-inf"))
            count = min(self.settings.count, len(rows) - 1)
            nearest = scores.topk(count, dim=-1)
        items = torch.arange(nearest.indices.numel(), device=rows.device) + self.calls * nearest.indices.numel()
        share = self.settings.strength * uniform(key(self.seed, "mixed negatives"), items).to(rows.dtype)
        share = share.view(*nearest.indices.shape, 1)
        if self.training:
            self.calls += 1
        mixed = (1 - share) * rows[nearest.indices] + share * query.unsqueeze(-2)
        hidden = nearest.values == float("-inf")  # fewer rows of other images than `count`

        def dense() -> Tensor:
            more = similarity(query.unsqueeze(-2), mixed, scale).squeeze(-2)
            return torch.cat([logits.values, more.masked_fill(hidden, MASKED)], -1)

        columns = logits.column_class
        no_class = columns.new_full((*columns.shape[:-1], count), -1)
        result = Logits(dense, logits.query_class, torch.cat([columns, no_class], -1), logits.given)
        result.negative_seen = (~hidden).any(-1) | logits.has_negative()
        return result
