"""Few-shot accuracy: all episodes of a stored table as batched tensor work on cached features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from episodes import EpisodeTable
from metaclr.errors import UserError
from metaclr.evaluation.heads import get_head
from metaclr.evaluation.measurement import Measurement, from_episodes, join
from metaclr.evaluation.second_best import without_each_way

HAS_SECOND_BEST = frozenset({"cosine", "euclidean", "nearest"})
"""Heads whose score of a way depends on that way's support alone, so that the others' scores stand when it goes."""

# Bytes of gathered features per chunk: about the cache of a core, or enough to fill a GPU.
_CHUNK_BYTES = {"cpu": 1 << 21, "cuda": 1 << 28}


def few_shot(
    features: Tensor,
    tables: EpisodeTable | Sequence[EpisodeTable],
    labels: Tensor,
    *,
    target: str,
    head: str = "cosine",
    protocol: str = "",
) -> list[Measurement]:
    """Measure accuracy over the episodes of each table, with an interval for new classes and one over episodes.

    Args:
        features: (M, F) of every image of the set that the tables index.
        labels: (M,) int64, the class of each image.
        head: a name in `HEADS`. protocol: how the features were computed (`features.protocol_of`).

    Raises:
        UserError: an unknown head, labels of other images, or a table that does not fit the features.
    """
    if labels.shape != features.shape[:1]:
        raise UserError(f"{tuple(labels.shape)} labels for features of {len(features)} images")
    description = get_head(head).description
    name = "few-shot" if head == "cosine" else f"few-shot {head}"
    results = []
    for table in [tables] if isinstance(tables, EpisodeTable) else tables:
        shape = table.shape
        accuracies = episode_accuracies(features, table, head=head)
        classes = labels.cpu()[table.support[:, :, 0].cpu()]
        without = None
        if head in HAS_SECOND_BEST and 1 < shape.way >= len(torch.unique(classes)):
            without = accuracies_without_each_way(features, table, head=head)
        details = join(
            protocol,
            head=description,
            query=shape.query,
            episodes=len(table),
            pool_classes=len(torch.unique(labels)),
            pool_images=len(labels),
            digest=table.digest[:16],
        )
        results.append(
            from_episodes(name, accuracies, classes, without=without, target=target, shot=shape.shot, protocol=details)
        )
    return results


@torch.inference_mode()
def episode_accuracies(
    features: Tensor, table: EpisodeTable, *, head: str = "cosine", chunk: int | None = None
) -> Tensor:
    """Accuracy of every episode in 0..1: float32 (E,) on the CPU.

    Args:
        features: (M, F).
        chunk: episodes per batch; default is what fits the cache. The result does not depend on it.

    The first of ways with equal logits is predicted, so that a collapsed encoder is at chance, not above it.
    """
    return torch.cat([_accuracies(logits) for logits in _logits(features, table, head, chunk)]).cpu()


@torch.inference_mode()
def accuracies_without_each_way(
    features: Tensor, table: EpisodeTable, *, head: str = "cosine", chunk: int | None = None
) -> Tensor:
    """Accuracy of every episode when way j is not a possible answer, on the other ways' queries: float32 (E, N).

    Exact for heads whose score of a way depends on that way's support alone (prototypes, nearest neighbour). Arguments
    as in `episode_accuracies`; needs 2 ways or more.
    """
    parts = [without_each_way(logits) for logits in _logits(features, table, head, chunk)]
    return torch.cat(parts).cpu()


def _logits(features: Tensor, table: EpisodeTable, head: str, chunk: int | None) -> Iterator[Tensor]:
    """Logits (e, N, N, Q) of a few episodes at a time: of each way, for each way's queries."""
    _check(features, table)
    chosen = get_head(head)
    rows = F.normalize(features, dim=1) if chosen.unit else features
    support, query = table.support.to(rows.device), table.query.to(rows.device)
    size = chunk or _chunk(rows, table) * (16 if chosen.solver else 1)
    for s, q in zip(torch.split(support, size), torch.split(query, size), strict=True):
        episodes, way, queries = q.shape
        weight, bias = chosen.fit(_gather(rows, s))
        logits = weight @ _gather(rows, q).flatten(1, 2).mT + bias.unsqueeze(-1)  # (e, N * G, N * Q)
        if logits.shape[1] > way:
            logits = logits.view(episodes, way, -1, way * queries).amax(2)
        yield logits.view(episodes, way, way, queries)


def _accuracies(logits: Tensor) -> Tensor:
    """Accuracies (e,) from logits (e, N, N, Q)."""
    # max(...).indices, not argmax: four times faster over a short axis on a CPU, and the first of equals too.
    predicted = logits.max(1).indices
    way = torch.arange(logits.shape[1], device=logits.device)
    return (predicted == way.view(1, -1, 1)).float().mean((1, 2))


def _gather(rows: Tensor, index: Tensor) -> Tensor:
    """rows[index] with shape (*index.shape, F); index_select is faster than fancy indexing."""
    return rows.index_select(0, index.reshape(-1)).view(*index.shape, rows.shape[1])


def _chunk(rows: Tensor, table: EpisodeTable) -> int:
    shape = table.shape
    episode = shape.way * shape.views * rows.shape[1] * rows.element_size()
    return max(1, _CHUNK_BYTES.get(rows.device.type, 1 << 21) // episode)


def _check(features: Tensor, table: EpisodeTable) -> None:
    if features.ndim != 2:
        raise UserError(f"features must be (M, F), not {tuple(features.shape)}")
    if not len(table) or not table.shape.query:
        raise UserError(f"{len(table)} episodes with {table.shape.query} queries per way: both must be above 0")
    largest = max(int(table.support.max()), int(table.query.max()))
    if largest >= len(features):
        raise UserError(
            f"the episodes index image {largest}, but there are {len(features)} features: pass those of their image set"
        )
