"""SNAIL: causal convolutions and attention over the support as a sequence, then the query (Mishra et al. 2018).

arXiv:1707.03141. The order of the support matters: convolutions see how far apart two examples are. It is read shot by
shot, the ways of a shot in the order of the episode. A query stands at the end of the sequence, each in its own copy of
it; the support does not see it, so it is encoded once for all queries of an episode.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.errors import UserError
from metaclr.heads.label_codes import first_codes


def visible(n_support: int, n_query: int, device: torch.device) -> Tensor:
    """Which tokens (columns) each token (row) sees, bool (S + R, S + R): support up to itself, a query all of it."""
    place = torch.arange(n_support + n_query, device=device)
    row, column = place.unsqueeze(1), place.unsqueeze(0)
    return (column <= row) & (column < n_support) | (column == row)


class CausalAttention(nn.Module):
    """One attention head whose output is appended to its input (B, S, W) -> (B, S, W + values)."""

    def __init__(self, width: int, keys: int, values: int) -> None:
        super().__init__()
        self.sizes = (keys, keys, values)
        self.read = nn.Linear(width, sum(self.sizes))
        self.width = width + values

    def forward(self, tokens: Tensor, n_support: int) -> Tensor:
        """See the class; S = `n_support` + queries."""
        mask = visible(n_support, tokens.shape[1] - n_support, tokens.device)
        query, key, value = self.read(tokens).split(self.sizes, -1)
        scores = (query @ key.mT * key.shape[-1] ** -0.5).masked_fill(~mask, -torch.inf)
        return torch.cat([tokens, scores.softmax(-1) @ value], -1)


class DenseBlock(nn.Module):
    """A causal convolution of two taps, gated: tanh(a) * sigmoid(b), appended to its input."""

    def __init__(self, width: int, filters: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.here, self.before = nn.Linear(width, 2 * filters), nn.Linear(width, 2 * filters, bias=False)
        self.width = width + filters

    def forward(self, tokens: Tensor, n_support: int) -> Tensor:
        """See the class; every query stands at place `n_support`."""
        places = torch.arange(tokens.shape[1], device=tokens.device).clamp(max=n_support) - self.dilation
        earlier = self.before(tokens[:, :n_support]).index_select(1, places.clamp(min=0))
        both = self.here(tokens) + earlier * (places >= 0).unsqueeze(-1)  # nothing stands before the first
        value, gate = both.chunk(2, -1)
        return torch.cat([tokens, value.tanh() * gate.sigmoid()], -1)


class SnailNetwork(nn.Module):
    """A head with trained numbers, of the authors' form for Omniglot: attention, convolutions, twice, and attention.

    Labels are one-hot codes, zeros for a query. A layer norm before the output, which theirs has not, keeps logits
    small while the widths of all blocks add up.
    """

    def __init__(self, dim: int, *, codes: int, filters: int, length: int) -> None:
        """dim: D of the embeddings. codes: C, the most ways of an episode. filters: of a convolution (theirs 128).

        length: of the sequences that the dilations 1, 2, 4, ... span (theirs N K + 1).
        """
        super().__init__()
        self.codes = codes
        dilations = [2**power for power in range(ceil(log2(length)))]
        self.blocks = nn.ModuleList()
        width = dim + codes
        for keys, values, convolutions in (
            (filters // 2, filters // 4, dilations),
            (2 * filters, filters, dilations),
            (4 * filters, 2 * filters, []),
        ):
            self.blocks.append(CausalAttention(width, keys, values))
            width += values
            for dilation in convolutions:
                self.blocks.append(DenseBlock(width, filters, dilation))
                width += filters
        self.score = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, codes))

    def fit(self, support: Tensor) -> SnailClassifier:
        """Support (E, N, K, D) -> its tokens."""
        return self.fit_coded(support, first_codes(support))

    def fit_coded(self, support: Tensor, code: Tensor) -> SnailClassifier:
        """The same with the one-hot place of each way: int64 code (E, N), distinct in an episode.

        Raises:
            UserError: more ways than codes.
        """
        way, shot = support.shape[1:3]
        if way > self.codes:
            raise UserError(
                f"a SNAIL head with {self.codes} label codes cannot tell {way} ways apart; set head.codes={way}"
            )
        rows = torch.eye(self.codes, dtype=support.dtype, device=support.device)  # F.one_hot reads the largest code
        labels = rows[code].unsqueeze(1).expand(-1, shot, -1, -1)
        return SnailClassifier(self, torch.cat([support.transpose(1, 2), labels], -1).flatten(1, 2), code)


@dataclass(frozen=True, eq=False)
class SnailClassifier:
    """support: tokens (E, S, D + C). code: int64 (E, N), the output of each way."""

    network: SnailNetwork
    support: Tensor
    code: Tensor

    def logits(self, query: Tensor) -> Tensor:
        """Logits (E, R, N) of queries (E, R, D)."""
        n_support, rows = self.support.shape[1], query.shape[1]
        tokens = torch.cat([self.support, F.pad(query, (0, self.network.codes))], 1)
        for block in self.network.blocks:
            tokens = block(tokens, n_support)
        scores: Tensor = self.network.score(tokens[:, n_support:])
        return scores.gather(-1, self.code.unsqueeze(1).expand(-1, rows, -1))
