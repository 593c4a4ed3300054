"""open_clip's text towers: its tokens, and an encoder of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from metaclr.extras import need
from metaclr.networks.open_clip_network import PREFIX, clip_model
from metaclr.networks.seeded_init import seeded


class OpenClipTokens:
    """open_clip's tokenizer of a model, with the interface of `Vocabulary`."""

    def __init__(self, inner: str) -> None:
        """inner: NAME or NAME/WEIGHTS. Raises UserError without open_clip."""
        open_clip = need("open_clip", f"pair.text '{PREFIX}{inner}'")
        self._tokenize: Any = open_clip.get_tokenizer(inner.partition("/")[0])

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Tokens int64 (B, L)."""
        tokens: Tensor = self._tokenize(list(texts))
        return tokens


class OpenClipText(nn.Module):
    """The text tower of open_clip's model; where its embeddings are not (B, dim), a linear layer follows."""

    def __init__(self, inner: str, dim: int | None = None, *, seed: int = 0) -> None:
        """inner: NAME or NAME/WEIGHTS. dim: None for the model's own. seed: of random weights.

        Raises:
            UserError: see `clip_model`.
        """
        super().__init__()
        with seeded(seed, "text encoder"):
            model = clip_model(inner)
            model.visual = nn.Identity()  # its image tower is another encoder
            model.logit_scale = None  # the objective has its own temperature
            self.model = model.train()
            with torch.no_grad():
                own = self.model.encode_text(OpenClipTokens(inner).encode(["a"])).shape[1]
            self.out = nn.Identity() if dim in (None, own) else nn.Linear(own, dim, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L) to (B, dim)."""
        embeddings: Tensor = self.out(self.model.encode_text(tokens))
        return embeddings
