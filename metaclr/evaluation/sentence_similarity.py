"""Semantic textual similarity: Spearman's correlation of cosines with the scores of people; counts as controls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.text.sentence_pairs import SentencePairs
from metaclr.text.vocabulary import PATTERN

Z95 = 1.959964


@dataclass(frozen=True)
class Correlation:
    """Spearman's correlation times 100 of n pairs, and its 95 % interval over other pairs of the same kind."""

    value: float
    low: float
    high: float
    n: int


def encoder_cosines(embed: Callable[[Sequence[str]], Tensor], task: SentencePairs) -> Tensor:
    """Cosine of the two sentences of each pair, float64 (n,). embed: sentences to rows (B, D)."""
    rows = F.normalize(embed(task.sentences).double(), dim=1)
    first, second = task.numbers
    return (rows[list(first)] * rows[list(second)]).sum(1)


def correlation(cosines: Tensor, scores: Sequence[float]) -> Correlation:
    """Spearman's correlation, ties with mean ranks (scipy).

    Interval: Fisher's z with the variance (1 + r^2 / 2) / (n - 3) of Bonett and Wright 2000, Psychometrika 65.
    """
    from scipy.stats import spearmanr

    r, n = float(spearmanr(cosines.numpy(), scores).statistic), len(scores)
    if n < 4 or not abs(r) < 1:  # nan too: constant scores or cosines
        return Correlation(100 * r, math.nan, math.nan, n)
    half = Z95 * math.sqrt((1 + r * r / 2) / (n - 3))
    return Correlation(100 * r, 100 * math.tanh(math.atanh(r) - half), 100 * math.tanh(math.atanh(r) + half), n)


def control_cosines(name: str, sentences: Sequence[str], task: SentencePairs) -> Tensor:
    """Cosines of counts of words, float64 (n,): what a trained encoder must beat. Words of `sentences` are counted.

    bag of words: the counts. tf-idf: counts weighted by how rare a word is among `sentences` (scikit-learn's).
    """
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.preprocessing import normalize

    kinds = {"bag of words": CountVectorizer, "tf-idf": TfidfVectorizer}
    fitted = kinds[name](token_pattern=PATTERN).fit(sentences)
    rows = normalize(fitted.transform(task.sentences).astype(float))
    first, second = task.numbers
    return torch.from_numpy(rows[list(first)].multiply(rows[list(second)]).sum(1).A1)


CONTROLS = ("bag of words", "tf-idf")
"""Printed beside every trained encoder."""
