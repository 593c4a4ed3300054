"""Random views of a text's tokens: dropped, shuffled, or a span of them; as ConSERT and SimCSE compare them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from episodes import random
from metaclr.errors import UserError
from metaclr.text.vocabulary import PAD


@dataclass(frozen=True)
class TokenViews:
    """Views of tokens; the defaults leave them as they are.

    drop: probability that a token is left out ("token cutoff" of ConSERT, Yan et al. 2021, yym6472/ConSERT); a text
    keeps one token. shuffle: whether the tokens are in random order. span: share of a text, in one piece, that is kept
    (1: all of it).
    """

    drop: float = 0.0
    shuffle: bool = False
    span: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.drop < 1:
            raise UserError(f"drop = {self.drop} must be at least 0 and below 1: a probability")
        if not 0 < self.span <= 1:
            raise UserError(f"span = {self.span} must be above 0 and up to 1: a share of a text")

    def __call__(self, tokens: Tensor, *, seed: int, step: int, ids: Tensor) -> Tensor:
        """One view of each text: int64 (B, L) to (B, L), kept tokens first, `PAD` after them.

        Row b is a function of (seed, step, ids[b]) and its tokens. ids (B,): which text, and which view of it.
        """
        length = tokens.shape[1]
        places = torch.arange(length, device=tokens.device)
        items = ids.unsqueeze(1) * length + places
        there = tokens != PAD
        kept = there
        if self.span < 1:
            count = there.sum(1)
            long = (count * self.span).ceil().long()
            start = random.below(random.key(seed, "text span", step), ids, count - long + 1).unsqueeze(1)
            kept = kept & (places >= start) & (places < start + long.unsqueeze(1))
        if self.drop:
            draw = random.uniform(random.key(seed, "dropped tokens", step), items).masked_fill(~kept, -1)
            last = F.one_hot(draw.argmax(1), length).bool()  # that would be dropped
            kept = kept & ((draw >= self.drop) | last)
        order = places.expand_as(tokens).float()
        if self.shuffle:
            order = random.uniform(random.key(seed, "token order", step), items)
        ranks = order.masked_fill(~kept, float("inf")).argsort(dim=1, stable=True)
        return tokens.gather(1, ranks).masked_fill(~kept.gather(1, ranks), PAD)
