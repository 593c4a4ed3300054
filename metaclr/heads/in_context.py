"""An in-context learner: a transformer reads labeled support tokens and a query token with an unknown label.

CAML (Fifty et al. 2024, arXiv:2310.10971). No token has a position, so the order of the support does not matter. There a
query and the support are one sequence that attends to itself, which is `joint`; without it the support attends to
itself alone and is encoded once for all queries of an episode.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.errors import UserError
from metaclr.heads.label_codes import choose_codes, simplex, visible


class AttentionLayer(nn.Module):
    """Attention, then a perceptron, each on normalized tokens and added to them (Xiong et al. 2020, arXiv:2002.04745)."""

    def __init__(self, width: int, attention_heads: int) -> None:
        super().__init__()
        self.attention_heads = attention_heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.read, self.write = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        """Tokens (B, S, W) to (B, S, W); mask: bool (S, S), what each token sees, or None for all."""
        parts = self.read(self.norms[0](tokens)).unflatten(-1, (3, self.attention_heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*parts, attn_mask=mask)
        tokens = tokens + self.write(mixed.transpose(1, 2).flatten(2))
        out: Tensor = tokens + self.perceptron(self.norms[1](tokens))
        return out


class InContextTransformer(nn.Module):
    """A head with trained numbers: token = A embedding + B code of its way; the logits are read off the query's token.

    The codes are the corners of a simplex and are not trained; a query has a learned vector in their place.
    """

    def __init__(
        self, dim: int, codes: int = 32, width: int = 128, layers: int = 2, attention_heads: int = 4, joint: bool = False
    ) -> None:
        """dim: D of the embeddings. codes: C, the most ways of an episode. width: of a token.

        Raises:
            UserError: a size below 1, or a width that the attention heads do not divide.
        """
        super().__init__()
        if min(width, layers, attention_heads) < 1 or width % attention_heads:
            raise UserError(
                f"width = {width}, layers = {layers}, attention_heads = {attention_heads}: each at least 1, and the "
                "heads divide the width"
            )
        self.codes, self.joint = codes, joint
        self.register_buffer("corners", simplex(codes), persistent=False)
        self.of_features = nn.Linear(dim, width)
        self.of_code = nn.Linear(codes, width, bias=False)
        self.unknown = nn.Parameter(torch.randn(width) * width**-0.5)
        self.layers = nn.ModuleList(AttentionLayer(width, attention_heads) for _ in range(layers))
        self.score = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, codes))

    def fit(self, support: Tensor, codes: Tensor | None = None) -> InContextClassifier:
        """Support (E, N, K, D) -> its tokens. codes: int64 (E, N), the code of each way; None: the first N.

        Raises:
            UserError: more ways than codes.
        """
        episodes, way = support.shape[:2]
        codes = choose_codes(way, episodes, self.codes, codes, support.device)
        corners: Tensor = self.corners  # type: ignore[assignment]
        labels = self.of_code(corners.to(support.dtype)[codes]).unsqueeze(2)
        return InContextClassifier(self, (self.of_features(support) + labels).flatten(1, 2), codes)

    def read(self, tokens: Tensor, n_support: int, mask: Tensor | None) -> Tensor:
        """Scores (B, R, C) of all codes, for tokens (B, S + R, W) of S support and R query rows."""
        for layer in self.layers:
            tokens = layer(tokens, mask)
        scores: Tensor = self.score(tokens[:, n_support:])
        return scores


@dataclass(frozen=True, eq=False)
class InContextClassifier:
    """support: tokens (E, S, W). codes: (E, N)."""

    network: InContextTransformer
    support: Tensor
    codes: Tensor

    def logits(self, query: Tensor) -> Tensor:
        """Logits (E, R, N) of queries (E, R, D)."""
        network, (n_support, rows) = self.network, (self.support.shape[1], query.shape[1])
        tokens = network.of_features(query) + network.unknown
        if network.joint:
            support = self.support.repeat_interleave(rows, 0)
            scores = network.read(torch.cat([support, tokens.flatten(0, 1).unsqueeze(1)], 1), n_support, None)
            scores = scores.view(len(query), rows, -1)
        else:
            mask = visible(n_support, rows, query.device)
            scores = network.read(torch.cat([self.support, tokens], 1), n_support, mask)
        return scores.gather(-1, self.codes.unsqueeze(1).expand(-1, rows, -1))
