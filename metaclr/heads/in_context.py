"""In-context classification: a transformer reads the labelled support and says the class of a query.

CAML (Fifty et al. 2024, arXiv:2310.10971) and CAMeLU (Vettoruzzo et al. 2025, ICLR; bracca95/CAMeLU): no weight changes
at test time, the support is the input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from metaclr.errors import UserError
from metaclr.heads.label_codes import first_codes, simplex

Labels = Literal["learned", "simplex"]

SHARPNESS = 2.0
"""Of the attention at the start, in place of 1: of 1, 2 and 4 the fastest on Gaussian blobs."""


class InContextTransformer(nn.Module):
    """A token is a linear map of an embedding beside the vector of its label; the query has the vector "unknown".

    Support tokens attend to each other, and a query to the support and itself, so an episode's support is read once
    for all its queries (the authors read it again for each query, whose token the support attends to). Without
    positions: the order of the support does not matter.

    It starts as a matching network: a query attends to similar tokens and takes over their label vectors, which the
    outputs are read by. From random weights it stays at chance for hundreds of steps.

    It is a head with trained numbers. `codes` are the label vectors that exist: at most so many ways.
    """

    label: Tensor

    def __init__(
        self, dim: int, *, codes: int, width: int, heads: int, layers: int, mlp: int, labels: Labels = "learned"
    ) -> None:
        """dim: D of the embeddings. width: of a token, half of which is the label. mlp: hidden width of a block.

        labels: "learned" label vectors (CAMeLU), or the fixed corners of a "simplex" (CAML).

        Raises:
            UserError: a width that is no multiple of 2 heads, or half of it too small for a simplex of `codes` corners.
        """
        super().__init__()
        if width % (2 * heads):
            raise UserError(f"head.width = {width} must be a multiple of 2 head.heads = {2 * heads}")
        self.codes = codes
        self.content = nn.Linear(dim, width // 2)
        if labels == "simplex":
            self.register_buffer("label", simplex(codes, width // 2))
        elif labels == "learned":
            self.label = nn.Parameter(torch.empty(codes, width // 2))
            nn.init.kaiming_uniform_(self.label, a=5**0.5)  # the authors'
        else:
            raise UserError(f"head.labels = {labels!r} must be 'learned' or 'simplex'")
        self.unknown = nn.Parameter(torch.zeros(width // 2))
        self.blocks = nn.ModuleList(Block(width, heads, mlp) for _ in range(layers))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.out = nn.Linear(width, codes, bias=False)
        with torch.no_grad():
            self.out.weight[:, width // 2 :] = self.label

    def fit(self, support: Tensor) -> InContextClassifier:
        """Support (E, N, K, D) -> the support tokens of every block."""
        return self.fit_coded(support, first_codes(support))

    def fit_coded(self, support: Tensor, code: Tensor) -> InContextClassifier:
        """The same with the label vector of each way: int64 code (E, N), distinct in an episode.

        Raises:
            UserError: more ways than there are label vectors.
        """
        if support.shape[1] > self.codes:
            raise UserError(
                f"an in-context head with {self.codes} label vectors cannot tell {support.shape[1]} ways apart; set "
                f"head.codes={support.shape[1]}"
            )
        label = self.label[code].unsqueeze(2).expand(-1, -1, support.shape[2], -1)
        tokens = torch.cat([self.content(support), label], -1).flatten(1, 2)
        seen = []
        for block in self.blocks:
            seen.append(tokens)
            tokens = block(tokens, tokens, with_itself=False)
        return InContextClassifier(self, seen, code)


@dataclass(frozen=True, eq=False)
class InContextClassifier:
    """seen: the support tokens (E, N K, W) that enter each block. code: int64 (E, N), the output of each way."""

    network: InContextTransformer
    seen: list[Tensor]
    code: Tensor

    def logits(self, query: Tensor) -> Tensor:
        """Class logits (E, R, N) of queries (E, R, D)."""
        network = self.network
        unknown = network.unknown.expand(*query.shape[:2], -1)
        tokens = torch.cat([network.content(query), unknown], -1)
        for block, support in zip(network.blocks, self.seen, strict=True):
            tokens = block(tokens, support, with_itself=True)
        outputs: Tensor = network.out(network.norm(tokens))
        return outputs.gather(-1, self.code.unsqueeze(1).expand(-1, query.shape[1], -1))


class Block(nn.Module):
    """A pre-norm transformer block: tokens (E, R, W) attend to the tokens (E, S, W) of the support."""

    def __init__(self, width: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.projections = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.LayerNorm(width, eps=1e-6), nn.Linear(width, mlp), nn.GELU(), nn.Linear(mlp, width))
        with torch.no_grad():  # keys as queries: similar tokens attend to each other; values as they are
            query, key, value = self.projections.weight.view(3, width, width)
            key.copy_(query.mul_(SHARPNESS))
            value.copy_(torch.eye(width))
            self.projections.bias.zero_()
            self.merge.weight.copy_(torch.eye(width))
            self.merge.bias.zero_()

    def forward(self, tokens: Tensor, support: Tensor, *, with_itself: bool) -> Tensor:
        """The tokens (E, R, W) after attention and perceptron. with_itself: each attends to itself too."""
        query, own_key, own_value = self._projected(tokens)
        _, key, value = self._projected(support)
        scale = query.shape[-1] ** -0.5
        scores = query @ key.mT * scale
        if with_itself:
            scores = torch.cat([scores, (query * own_key).sum(-1, keepdim=True) * scale], -1)
        weights = scores.softmax(-1)
        attended = weights[..., : key.shape[2]] @ value
        if with_itself:
            attended = attended + weights[..., -1:] * own_value
        tokens = tokens + self.merge(attended.transpose(1, 2).flatten(2))
        after: Tensor = tokens + self.mlp(tokens)
        return after

    def _projected(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (E, heads, R, W / heads)."""
        parts = self.projections(self.norm(tokens)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        return query, key, value
