"""Accuracy of entity retrieval: whether a mention's entity is among the k nearest, for head and tail apart (TABi)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from metaclr.evaluation.word_counts import word_counts
from metaclr.text.entities import Entities


@dataclass(frozen=True)
class Accuracy:
    """Share of mentions in % whose entity is among the k nearest; part: all, head or tail; its 95 % half-width."""

    part: str
    k: int
    value: float
    ci95: float
    n: int


def parts_of(entities: Entities) -> dict[str, Tensor]:
    """Which tested mentions are of all, head and tail entities, bool (n,).

    Tail: entities with at most as many mentions to train on as the median of those of the tested mentions; none apart
    where all have the same number.
    """
    counts = entities.counts[entities.of[entities.tested]]
    tail = counts <= counts.median()
    found = {"all": torch.ones_like(tail)}
    return found if bool(tail.all()) else {**found, "head": ~tail, "tail": tail}


def accuracies(similarity: Tensor, entities: Entities, ks: Sequence[int] = (1, 10)) -> list[Accuracy]:
    """Of tested mentions (n) against all entities: similarity (n, E). Ties count against a mention."""
    true = similarity.gather(1, entities.of[entities.tested].unsqueeze(1))
    ranks = (similarity >= true).sum(1) - 1
    found = []
    for part, rows in parts_of(entities).items():
        for k in ks:
            hits = (ranks[rows] < k).double()
            spread = 1.96 * float(hits.std()) / len(hits) ** 0.5 if len(hits) > 1 else float("nan")
            found.append(Accuracy(part, k, 100 * float(hits.mean()), 100 * spread, len(hits)))
    return found


def control_similarity(name: str, entities: Entities) -> Tensor:
    """Cosines of counts of words, (n, E); `bag of words` or `tf-idf` of the entities' texts and trained mentions."""
    tested = entities.tested.tolist()
    trained, asked = (
        [text for text, t in zip(entities.mentions, tested, strict=True) if t == of] for of in (False, True)
    )
    rows, columns = word_counts(name, [*entities.texts, *trained], asked, entities.texts)
    return torch.from_numpy((rows @ columns.T).toarray())
