"""The encoder stays frozen and a head is fitted to each episode: batched tensor work on cached features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from episodes import EpisodeTable, ImageSet
from metaclr.errors import UserError
from metaclr.heads.head import Head, is_iterative, is_transductive

# Bytes of gathered features per chunk: about the cache of a core, or enough to fill a GPU.
_CHUNK_BYTES = {"cpu": 1 << 21, "cuda": 1 << 28}
_ITERATIVE = 16  # times as many episodes for a head of many steps on small matrices


@dataclass(frozen=True, eq=False)
class FrozenEncoder:
    """A procedure: the head of a method in the embedding space that it was trained in.

    embed: (M, F) features -> (M, D) embeddings, such as a projector and a norm. description: of head and space.
    """

    head: Head
    embed: Callable[[Tensor], Tensor]
    description: str

    @property
    def transductive(self) -> bool:
        """Whether a prediction depends on the other queries of the episode."""
        return is_transductive(self.head)

    def episode_logits(self, features: Tensor, images: ImageSet, table: EpisodeTable) -> Iterator[Tensor]:
        """See `Procedure`; the images are not read again."""
        yield from episode_logits(self.embed(features), table, self.head)


def episode_logits(rows: Tensor, table: EpisodeTable, head: Head, chunk: int | None = None) -> Iterator[Tensor]:
    """Yield logits (e, N Q, N) of a chunk of e episodes at a time; queries are sorted by way, Q of each.

    Args:
        rows: (M, D), features of every image of the set that the table indexes, as the head takes them.
        chunk: episodes per batch; default is what fits the cache. The logits do not depend on it.

    Raises:
        UserError: features that are not (M, D) or fewer than the table indexes, or a table without queries.
    """
    _check(rows, table)
    support, query = table.support.to(rows.device), table.query.to(rows.device)
    size = chunk or _default_chunk(rows, table) * (_ITERATIVE if is_iterative(head) else 1)
    for s, q in zip(torch.split(support, size), torch.split(query, size), strict=True):
        yield head.fit(_gather(rows, s)).logits(_gather(rows, q.flatten(1)))


def _gather(rows: Tensor, index: Tensor) -> Tensor:
    """rows[index] with shape (*index.shape, D); index_select is faster than fancy indexing."""
    return rows.index_select(0, index.reshape(-1)).view(*index.shape, rows.shape[1])


def _default_chunk(rows: Tensor, table: EpisodeTable) -> int:
    shape = table.shape
    episode = shape.way * shape.views * rows.shape[1] * rows.element_size()
    return max(1, _CHUNK_BYTES.get(rows.device.type, 1 << 21) // episode)


def _check(rows: Tensor, table: EpisodeTable) -> None:
    if rows.ndim != 2:
        raise UserError(f"features must be (M, F), not {tuple(rows.shape)}")
    if not len(table) or not table.shape.query:
        raise UserError(f"{len(table)} episodes with {table.shape.query} queries per way: both must be above 0")
    largest = max(int(table.support.max()), int(table.query.max()))
    if largest >= len(rows):
        raise UserError(
            f"the episodes index image {largest}, but there are {len(rows)} features: pass those of their image set"
        )
