"""Few-shot accuracy: all episodes of a stored table as batched tensor work on cached features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from episodes import EpisodeTable
from metaclr.errors import UserError
from metaclr.evaluation.heads import Head, get_head
from metaclr.evaluation.measurement import Measurement, from_episodes, join

# Bytes of gathered features per chunk: about the cache of a core, or enough to fill a GPU.
_CHUNK_BYTES = {"cpu": 1 << 21, "cuda": 1 << 28}


def few_shot(
    features: Tensor,
    tables: EpisodeTable | Sequence[EpisodeTable],
    *,
    target: str,
    head: str = "cosine",
    protocol: str = "",
) -> list[Measurement]:
    """Measure accuracy over the episodes of each table, with a Student t interval over episodes.

    Args:
        features: (M, F) of every image of the set that the tables index.
        head: a name in `HEADS`. protocol: how the features were computed (`features.protocol_of`).

    Raises:
        UserError: an unknown head, or a table that does not fit the features.
    """
    description = get_head(head).description
    name = "few-shot" if head == "cosine" else f"few-shot {head}"
    results = []
    for table in [tables] if isinstance(tables, EpisodeTable) else tables:
        shape = table.shape
        accuracies = episode_accuracies(features, table, head=head)
        details = join(protocol, head=description, query=shape.query, episodes=len(table), digest=table.digest[:16])
        results.append(from_episodes(name, accuracies, target=target, way=shape.way, shot=shape.shot, protocol=details))
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
    _check(features, table)
    chosen = get_head(head)
    rows = F.normalize(features, dim=1) if chosen.unit else features
    support, query = table.support.to(rows.device), table.query.to(rows.device)
    size = chunk or _chunk(rows, table) * (16 if chosen.solver else 1)
    parts = [
        _chunk_accuracies(rows, s, q, chosen)
        for s, q in zip(torch.split(support, size), torch.split(query, size), strict=True)
    ]
    return torch.cat(parts).cpu()


def _chunk_accuracies(rows: Tensor, support: Tensor, query: Tensor, head: Head) -> Tensor:
    """Accuracies (e,) of a few episodes: support (e, N, K), query (e, N, Q) into rows (M, F)."""
    episodes, way, queries = query.shape
    weight, bias = head.fit(_gather(rows, support))
    logits = weight @ _gather(rows, query).flatten(1, 2).mT + bias.unsqueeze(-1)  # (e, N * G, N * Q)
    if logits.shape[1] > way:
        logits = logits.view(episodes, way, -1, way * queries).amax(2)
    # max(...).indices, not argmax: four times faster over a short axis on a CPU, and the first of equals too.
    predicted = logits.max(1).indices.view(episodes, way, queries)
    return (predicted == torch.arange(way, device=predicted.device).view(1, way, 1)).float().mean((1, 2))


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
