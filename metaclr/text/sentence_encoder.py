"""Sentences for the engine: index tables to views of tokens, tokens to features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from episodes import Episode
from metaclr.text.encoders import build_text_encoder
from metaclr.text.token_views import TokenViews
from metaclr.text.vocabulary import Vocabulary

_BATCH = 512


class SentenceEncoder(nn.Module):
    """Tokens (B, L) to features (B, F), with F as its attribute `features`."""

    def __init__(
        self,
        name: str,
        vocabulary: Vocabulary,
        features: int,
        *,
        dropout: float = 0.0,
        cutoff: float = 0.0,
        seed: int = 0,
    ) -> None:
        """name, dropout, cutoff: as in `build_text_encoder`."""
        super().__init__()
        self.features = features
        self.text = build_text_encoder(
            name, len(vocabulary), vocabulary.length, features, seed=seed, dropout=dropout, cutoff=cutoff
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """int64 (B, L) to (B, F)."""
        rows: Tensor = self.text(tokens)
        return rows


class TokenRendering:
    """An episode to views of the tokens of its texts, int64 (T, N, V, L); stands where images have `Rendering`."""

    def __init__(self, tokens: Tensor, views: TokenViews, *, seed: int) -> None:
        """tokens int64 (M, L): text i is image i of the episodes."""
        self.tokens, self.views, self.seed = tokens, views, seed

    def __call__(self, episode: Episode) -> Tensor:
        """A function of (seed, step, text, view)."""
        ids = episode.images.flatten().to(self.tokens.device)
        each = ids * (1 << 12) + episode.views.flatten().to(ids.device)
        drawn = self.views(self.tokens[ids], seed=self.seed, step=episode.step, ids=each)
        return drawn.reshape(*episode.images.shape, -1)


@torch.inference_mode()
def embed_sentences(encoder: nn.Module, tokens: Tensor) -> Tensor:
    """Features float32 (M, F) of tokens (M, L), on the CPU; the encoder is put into eval mode."""
    encoder.eval()
    at = next(encoder.parameters()).device
    return torch.cat([encoder(part.to(at)).float().cpu() for part in torch.split(tokens, _BATCH)])
