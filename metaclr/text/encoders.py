"""Small encoders of tokens: a bag of words, and a transformer of torch's own layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from metaclr.errors import UserError, unknown
from metaclr.networks.seeded_init import seeded
from metaclr.text.vocabulary import PAD

ENCODERS = ("bag", "transformer")


def build_text_encoder(
    name: str, tokens: int, length: int, dim: int, *, seed: int = 0, dropout: float = 0.0, cutoff: float = 0.0
) -> nn.Module:
    """An encoder from tokens int64 (B, L) to embeddings (B, dim).

    bag: mean of learned word vectors, then a linear layer. transformer: word and place vectors of width 128, two layers
    of 4 heads before their norms (as CLIP's text encoder), mean over tokens, a linear layer without bias.

    Args:
        tokens: size of the vocabulary. length: L. seed: of the initial weights.
        dropout: probability that a number is dropped in training: of the mean word vector (bag), of word and place
            vectors and inside layers as torch has it (transformer).
        cutoff: probability that a dimension of a text's word vectors is zeroed in training, the same for all its words.

    Raises:
        UserError: an unknown name, with the nearest; a probability out of range.
    """
    for what, value in (("dropout", dropout), ("cutoff", cutoff)):
        if not 0 <= value < 1:
            raise UserError(f"{what} = {value} must be at least 0 and below 1: a probability")
    if name not in ENCODERS:
        raise unknown("text encoder", name, ENCODERS)
    with seeded(seed, "text encoder"):
        if name == "bag":
            return BagOfWords(tokens, dim, dropout=dropout, cutoff=cutoff)
        return TextTransformer(tokens, length, dim, dropout=dropout, cutoff=cutoff)


class FeatureCutoff(nn.Module):
    """Zeroes each dimension of a text's vectors with probability `share` in training (yym6472/ConSERT)."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, rows: Tensor) -> Tensor:
        """(B, ..., D) to the same shape; a dimension is zeroed at all places of a text."""
        if not self.training or not self.share:
            return rows
        kept = torch.rand(len(rows), rows.shape[-1], device=rows.device) >= self.share
        return rows * kept.view(len(rows), *[1] * (rows.ndim - 2), -1)


class BagOfWords(nn.Module):
    """Mean of the vectors of a text's words; their order is not seen."""

    def __init__(self, tokens: int, dim: int, width: int = 128, *, dropout: float = 0.0, cutoff: float = 0.0) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(tokens, width, mode="mean", padding_idx=PAD)
        self.dropout = nn.Sequential(FeatureCutoff(cutoff), nn.Dropout(dropout))
        self.out = nn.Linear(width, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L) to (B, dim)."""
        embeddings: Tensor = self.out(self.dropout(self.words(tokens)))
        return embeddings


class TextTransformer(nn.Module):
    """Two pre-norm layers over word and place vectors; places after the end of a text are not attended to."""

    def __init__(
        self,
        tokens: int,
        length: int,
        dim: int,
        width: int = 128,
        layers: int = 2,
        *,
        dropout: float = 0.0,
        cutoff: float = 0.0,
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(tokens, width, padding_idx=PAD)
        self.places = nn.Parameter(0.01 * torch.randn(length, width))  # openai/CLIP's scale
        layer = nn.TransformerEncoderLayer(
            width, 4, 4 * width, dropout=dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.dropout = nn.Sequential(FeatureCutoff(cutoff), nn.Dropout(dropout))
        self.out = nn.Linear(width, dim, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L) to (B, dim)."""
        there = tokens != PAD
        there = there | (~there.any(1, keepdim=True))  # a text without words attends to its padding
        rows = self.layers(self.dropout(self.words(tokens) + self.places), src_key_padding_mask=~there)
        weight = there.unsqueeze(-1).to(rows.dtype)
        embeddings: Tensor = self.out((rows * weight).sum(1) / weight.sum(1))
        return embeddings
