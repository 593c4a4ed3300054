"""Side information of a batch, beside its embeddings."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Context:
    """Side information of one batch of tasks; the embeddings themselves are `(T, N, V, D)`.

    An objective reads only the fields that its settings use: instance objectives ignore `labels`.
    """

    labels: Tensor | None = None
    """int64 `(T, N)`: label of each way. None: every way is its own class."""
    types: Tensor | None = None
    """int64 `(T, N)`: type of each way's class, such as a script."""
    images: Tensor | None = None
    """int64 `(T, N)` or `(T, N, V)`: image ids, for running estimates per image."""
    shot: int = 1
    """Support views per way; the first `shot` of the V views are the support (split and swap roles)."""
    momentum_embeddings: Tensor | None = None
    """`(T, N, V, D)`: the views embedded by the momentum encoder, without gradient; support rows come from here."""
    batch: tuple[Tensor, Tensor] | None = None
    """Rows `(B, D)` of the whole batch as the head compares them, whatever tasks are drawn from it, and the image int64
    `(B,)` of each; set by the objective where its negatives need them."""
    dataset_size: int = 0
    """Images in the training set; 0 if unknown."""
