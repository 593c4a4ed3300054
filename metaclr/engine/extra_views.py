"""Views beside those of the tasks: queries mixed with others, and copies turned by quarters, with the losses on them.

"The Close Relationship Between Contrastive Learning and Meta-Learning", Ni et al. 2022 (RenkunNi/MetaContrastive,
models/ssl.py). Differs from the authors: all views of a step go through the encoder as one batch (theirs embed turned
copies in a second pass), and turns are predicted from unit embeddings (theirs divided by the root of the temperature).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import cos, pi, sqrt
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from episodes import random
from episodes.operations.quarter_turns import quarter_turns
from metaclr.bridge import Context

Objective = Callable[[Tensor, Context], Tensor]

if TYPE_CHECKING:
    from episodes.task import Episode
    from metaclr.methods.tricks import Tricks


@dataclass(frozen=True)
class Drawn:
    """The extra pixels of a step."""

    mixed: Tensor | None
    """`(T, N, Q, C, H, W)`"""
    share: float
    """lambda: the part of a mixed query that is its own way's."""
    turned: Tensor | None
    """`(R, C, H, W)`"""
    turns: Tensor | None
    """int64 `(R,)`: quarter turns of each."""

    @property
    def rows(self) -> list[Tensor]:
        """Pixels `(B, C, H, W)`: mixed ones first."""
        mixed = [] if self.mixed is None else [self.mixed.flatten(0, 2)]
        return mixed + ([] if self.turned is None else [self.turned])


class ExtraViews(nn.Module):
    """Draws extra views, each a function of (seed, step), and computes their losses.

    Turned copies: weight times the cross-entropy of a linear classifier of four turns. Mixed queries: with S the
    support, Q' = lambda Q + (1 - lambda) flip(Q), flip the ways of a task in reverse order, the loss is
    L(S, Q) + lambda L(S, Q') + (1 - lambda) L(S, flip(Q')). lambda is uniform in [0, 1); CutMix cuts a box of the share
    1 - lambda.
    """

    decay: Tensor

    def __init__(self, tricks: Tricks, dim: int, seed: int) -> None:
        super().__init__()
        self.tricks, self.seed = tricks, seed
        self.head = nn.Linear(dim, 4) if tricks.rotation_loss else None
        self.register_buffer("decay", torch.ones(()))

    def draw(self, pixels: Tensor, episode: Episode) -> Drawn:
        """The extra views of pixels `(T, N, V, C, H, W)`."""
        mixed, share, turned, turns = None, 1.0, None, None
        if self.tricks.query_mix:
            mixed, share = self._mix(pixels[:, :, episode.shot :], episode.step)
        if self.tricks.rotation_loss:
            rows = pixels.flatten(0, 2)
            rows = rows[: max(1, round(self.tricks.rotation_share * len(rows)))]
            items = torch.arange(len(rows), device=rows.device)
            turns = random.below(random.key(self.seed, "turned copies", episode.step), items, 4)
            turned = quarter_turns(rows, turns)
        return Drawn(mixed, share, turned, turns)

    def loss(
        self,
        objective: Objective,
        embeddings: Tensor,
        extra: Tensor,
        drawn: Drawn,
        context: Context,
    ) -> Tensor:
        """What the extra views add to the loss.

        Args:
            embeddings: `(T, N, V, D)`. extra: `(B, D)`, those of `drawn.rows`.
            context: of the whole batch; its momentum embeddings, where there are any, have the mixed queries behind the
                V views.
        """
        total = embeddings.new_zeros(())
        if drawn.mixed is not None:
            count = drawn.mixed.shape[:3].numel()
            mixed = extra[:count].reshape(*drawn.mixed.shape[:3], -1)
            extra = extra[count:]
            for weight, order in ((drawn.share, mixed), (1 - drawn.share, mixed.flip(1))):
                total = total + weight * self._mixed_loss(objective, embeddings, order, context, order is not mixed)
        if self.head is not None and drawn.turns is not None:
            logits = self.head(F.normalize(extra.to(self.head.weight.dtype), dim=-1))
            total = total + self.tricks.rotation_loss * self.decay * F.cross_entropy(logits, drawn.turns)
        return total

    def after_step(self, step: int, steps: int) -> None:
        """Lower the weight of the rotation loss after step `step` of `steps`."""
        if self.tricks.rotation_decay:
            self.decay.fill_((cos(pi * step / max(steps, 1)) + 1) / 2)

    @staticmethod
    def _mixed_loss(
        objective: Objective,
        embeddings: Tensor,
        mixed: Tensor,
        context: Context,
        flipped: bool,
    ) -> Tensor:
        shot, views = context.shot, embeddings.shape[2]
        keys = context.momentum_embeddings
        if keys is not None:
            of_mixed = keys[:, :, views:]
            keys = torch.cat([keys[:, :, :shot], of_mixed.flip(1) if flipped else of_mixed], 2)
        with state_held(objective):
            return objective(torch.cat([embeddings[:, :, :shot], mixed], 2), replace(context, momentum_embeddings=keys))

    def _mix(self, query: Tensor, step: int) -> tuple[Tensor, float]:
        items = torch.arange(4)
        coin, share, *place = random.uniform(random.key(self.seed, "mixed queries of the batch", step), items).tolist()
        other = query.flip(1)
        if self.tricks.query_mix == "mixup" or (self.tricks.query_mix == "both" and coin < 0.5):
            return torch.lerp(other, query, share), share
        height, width = query.shape[-2:]
        rows, columns = (_cut(size, share, at) for size, at in zip((height, width), place, strict=True))
        mixed = query.clone()
        mixed[..., rows, columns] = other[..., rows, columns]
        return mixed, 1 - (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)


def _cut(size: int, share: float, place: float) -> slice:
    """One side of CutMix's box (Yun et al. 2019, arXiv:1905.04899): sqrt(1 - share) of it, around a random pixel."""
    half, center = int(size * sqrt(1 - share)) // 2, int(place * size)
    return slice(max(center - half, 0), min(center + half, size))


@contextmanager
def state_held(objective: object) -> Iterator[None]:
    """Queues, moving averages and counters of an objective stay as they are inside; batch norms go on as before."""
    modules = list(objective.modules()) if isinstance(objective, nn.Module) else []
    held = [one for one in modules if one.training and not isinstance(one, nn.modules.batchnorm._NormBase)]
    for module in held:
        module.training = False
    try:
        yield
    finally:
        for module in held:
            module.training = True
