"""The text side of pairs by name: tokens of some texts, and a new encoder of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from torch import Tensor, nn

from metaclr.errors import unknown
from metaclr.networks.open_clip_network import PREFIX
from metaclr.text.encoders import ENCODERS, build_text_encoder
from metaclr.text.vocabulary import Vocabulary


class Tokens(Protocol):
    """Texts to numbers."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Tokens int64 (B, L)."""
        ...


def is_own(name: str) -> bool:
    """Whether a name stands for an encoder of this package, whose vocabulary is of the texts trained on.

    Raises:
        UserError: an unknown name, with the nearest.
    """
    if name in ENCODERS:
        return True
    if name.startswith(PREFIX):
        return False
    raise unknown("pair.text", name, [*ENCODERS, f"{PREFIX}NAME"])


def tokens_of(name: str, texts: Iterable[str]) -> Tokens:
    """The tokens that a text encoder takes: words of `texts`, or open_clip's own."""
    if is_own(name):
        return Vocabulary.of(texts)
    from metaclr.text.open_clip_text import OpenClipTokens

    return OpenClipTokens(name.removeprefix(PREFIX))


def text_tower(name: str, tokens: Tokens, dim: int, *, seed: int) -> nn.Module:
    """A new encoder from tokens int64 (B, L) to (B, dim); its random weights are a function of the seed."""
    if isinstance(tokens, Vocabulary):
        return build_text_encoder(name, len(tokens), tokens.length, dim, seed=seed)
    from metaclr.text.open_clip_text import OpenClipText

    return OpenClipText(name.removeprefix(PREFIX), dim, seed=seed)
