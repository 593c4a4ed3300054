"""What an objective may look at besides the embeddings."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Context:
    """Side information of one batch of tasks; the embeddings themselves are `(T, N, V, D)`.

    An objective reads only what its settings ask for: instance objectives ignore `labels`, whatever they hold.
    """

    labels: Tensor | None = None
    """int64 `(T, N)`: label of each way. None: every way is its own class."""
    images: Tensor | None = None
    """int64 `(T, N)` or `(T, N, V)`: image ids, for running estimates per image."""
    shot: int = 1
    """Support views per way; the first `shot` of the V views are the support (split and swap roles)."""
    momentum_embeddings: Tensor | None = None
    """`(T, N, V, D)`: the same views embedded by the EMA encoder, without gradient. Support is taken from here."""
    dataset_size: int = 0
    """Images in the training set; 0 where it is not known."""
