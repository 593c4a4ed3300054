"""The contract of every head: it fits a classifier to the support of an episode, which scores the queries."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


class Classifier(Protocol):
    """A classifier of each of E episodes."""

    def logits(self, query: Tensor) -> Tensor:
        """Class logits (E, R, N) of query embeddings (E, R, D), up to a constant per query.

        A transductive classifier uses all R queries of an episode together; see `is_transductive`.
        """


@runtime_checkable
class Head(Protocol):
    """Fits a classifier: a frozen value of settings, or a module with trained numbers; the same in training and test.

    Everything is batched over episodes and differentiable by support and query.
    """

    def fit(self, support: Tensor) -> Classifier:
        """Fit a classifier to support embeddings (E, N, K, D), E episodes of N ways with K shots."""


def is_transductive(head: Head) -> bool:
    """Whether a prediction depends on the other queries of the episode."""
    return bool(getattr(head, "transductive", False))


def is_iterative(head: Head) -> bool:
    """Whether fitting takes many steps on small matrices, which are faster with more episodes at once."""
    return bool(getattr(head, "iterative", False))
