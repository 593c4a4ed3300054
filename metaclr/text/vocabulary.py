"""Words to numbers: a vocabulary of the words of some texts, with scikit-learn's tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from metaclr.errors import UserError

PAD, UNKNOWN = 0, 1
"""Token numbers of the places after a text's end, and of words that the vocabulary does not have."""


@dataclass(frozen=True)
class Vocabulary:
    """words: in alphabetical order; word i is token i + 2. length: tokens of a text; longer ones are cut."""

    words: tuple[str, ...]
    length: int

    @classmethod
    def of(cls, texts: Iterable[str], most: int | None = None) -> Vocabulary:
        """The words of some texts, and the length of the longest, up to `most`.

        Raises:
            UserError: no word at all.
        """
        split = tokenizer()
        tokens = [split(text) for text in texts]
        words = sorted({word for text in tokens for word in text})
        if not words:
            raise UserError("the texts have no words")
        longest = max(map(len, tokens))
        return cls(tuple(words), longest if most is None else min(longest, most))

    def __len__(self) -> int:
        """Number of tokens, `PAD` and `UNKNOWN` included."""
        return len(self.words) + 2

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, UNKNOWN + 1)}

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Tokens int64 (B, length), `PAD` after the end of each text.

        >>> Vocabulary.of(["small letter a"]).encode(["letter b"]).tolist()
        [[3, 1, 0]]
        """
        split = tokenizer()
        rows = torch.full((len(texts), self.length), PAD)
        for row, text in zip(rows, texts, strict=True):
            found = [self._numbers.get(word, UNKNOWN) for word in split(text)][: self.length]
            row[: len(found)] = torch.tensor(found, dtype=torch.int64)
        return rows


PATTERN = r"(?u)\b\w+\b"
"""A word, for scikit-learn: those of one letter too, which its default drops."""


def tokenizer() -> Callable[[str], list[str]]:
    """Lower-case words of `PATTERN`."""
    from sklearn.feature_extraction.text import CountVectorizer

    build: Callable[[str], list[str]] = CountVectorizer(token_pattern=PATTERN).build_analyzer()
    return build
