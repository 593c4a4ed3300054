"""The contract of a test-time procedure: support images of an episode in, class logits of its query images out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor

from episodes import EpisodeTable, ImageSet


class Procedure(Protocol):
    """How a method classifies the queries of an episode, with all that it has trained."""

    @property
    def description(self) -> str:
        """For the protocol of a row: head, embedding space, adaptation."""

    @property
    def transductive(self) -> bool:
        """Whether a prediction depends on the other queries of the episode."""

    def episode_logits(self, features: Tensor, images: ImageSet, table: EpisodeTable) -> Iterator[Tensor]:
        """Yield logits (e, N Q, N) of a chunk of e episodes at a time; queries are sorted by way, Q of each.

        Args:
            features: (M, F) of all images by the encoder as it was trained. images: the M images.
        """
