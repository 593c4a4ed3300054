"""Semantic textual similarity: Spearman's correlation of cosines with the scores of people; counts as controls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.evaluation.statistics import rank_correlation_interval
from metaclr.evaluation.word_counts import word_counts
from metaclr.text.sentence_pairs import SentencePairs


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
    """Spearman's correlation, ties with mean ranks (scipy), and its `rank_correlation_interval`."""
    from scipy.stats import spearmanr

    r, n = float(spearmanr(cosines.numpy(), scores).statistic), len(scores)
    if n < 4 or not abs(r) < 1:  # nan too: constant scores or cosines
        return Correlation(100 * r, math.nan, math.nan, n)
    low, high = rank_correlation_interval(r, n)
    return Correlation(100 * r, 100 * low, 100 * high, n)


def control_cosines(name: str, sentences: Sequence[str], task: SentencePairs) -> Tensor:
    """Cosines of counts of words of `sentences`, float64 (n,): what a trained encoder must beat."""
    (rows,) = word_counts(name, sentences, task.sentences)
    first, second = task.numbers
    return torch.from_numpy(rows[list(first)].multiply(rows[list(second)]).sum(1).A1)
