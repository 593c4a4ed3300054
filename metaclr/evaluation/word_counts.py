"""Texts as counts of words, the controls that every trained text encoder is printed beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metaclr.text.vocabulary import PATTERN

CONTROLS = ("bag of words", "tf-idf")


def word_counts(name: str, fitted_on: Sequence[str], *texts: Sequence[str]) -> list[Any]:
    """Of each group of texts, unit rows (n, words) of the words of `fitted_on`: sparse matrices of float64.

    name: "bag of words", the counts, or "tf-idf", weighted by how rare a word is in `fitted_on` (scikit-learn's).
    """
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.preprocessing import normalize

    kinds = dict(zip(CONTROLS, (CountVectorizer, TfidfVectorizer), strict=True))
    fitted = kinds[name](token_pattern=PATTERN).fit(fitted_on)
    return [normalize(fitted.transform(group).astype(float)) for group in texts]
