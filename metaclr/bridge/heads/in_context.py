"""Axis 6, heads that read the support as input instead of fitting a classifier to it: black-box learners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from metaclr.bridge.heads.class_logits import class_logits, require_distinct_labels
from metaclr.bridge.logits.logits import Logits
from metaclr.bridge.roles import RoleAssignment
from metaclr.bridge.spec import Sizes
from metaclr.heads.in_context import InContextTransformer
from metaclr.heads.snail import SnailNetwork


@dataclass(frozen=True)
class InContext:
    """A transformer over support and query tokens (CAML); see `metaclr.heads.in_context`."""

    fits_classifier: ClassVar[bool] = True
    codes: int = 32
    width: int = 128
    layers: int = 2
    attention_heads: int = 4
    joint: bool = False

    def module(self, sizes: Sizes) -> ReadingHead:
        """The head with its weights."""
        network = InContextTransformer(
            sizes.dim, self.codes, self.width, self.layers, self.attention_heads, self.joint
        )
        return ReadingHead(network, sizes.seed)


@dataclass(frozen=True)
class Snail:
    """Convolutions and attention over the support as a sequence; see `metaclr.heads.snail`."""

    fits_classifier: ClassVar[bool] = True
    codes: int = 32
    filters: int = 32
    length: int = 32

    def module(self, sizes: Sizes) -> ReadingHead:
        """The head with its weights."""
        return ReadingHead(SnailNetwork(sizes.dim, self.codes, self.filters, self.length), sizes.seed)


class ReadingHead(nn.Module):
    """A network that reads labels, as a head of the objective.

    In training every task gives its ways codes at random, as a function of (seed, calls so far), so that all codes are
    trained; the count is part of the checkpoint. In evaluation mode ways have the first codes.
    """

    fits_classifier: ClassVar[bool] = True
    calls: Tensor

    def __init__(self, network: InContextTransformer | SnailNetwork, seed: int) -> None:
        super().__init__()
        self.network, self.seed = network, seed
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, assignment: RoleAssignment, labels: Tensor | None, scale: Tensor | float) -> Logits:
        require_distinct_labels(labels, "a head that reads labels")
        classifier = self.network.fit(assignment.support, self._codes(assignment.support) if self.training else None)
        scores = classifier.logits(assignment.query.flatten(1, 2))
        return class_logits(scores * scale, assignment.query.shape[2])

    def episode_head(self, temperature: float = 1.0) -> InContextTransformer | SnailNetwork:
        """The classifier of an episode, in training and at test time; the scale changes no prediction."""
        return self.network

    def _codes(self, support: Tensor) -> Tensor | None:
        """Distinct codes of the ways of each task, int64 (T, N); None for more ways than codes, which `fit` refuses."""
        from episodes.random import key, random_words

        tasks, way = support.shape[:2]
        codes = self.network.codes
        if way > codes:
            return None
        items = self.calls.to(support.device) * tasks * codes + torch.arange(tasks * codes, device=support.device)
        self.calls += 1
        return random_words(key(self.seed, "label codes"), items).view(tasks, codes).argsort(-1)[:, :way]
