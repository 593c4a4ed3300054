"""Base of every objective's settings: a frozen value that compares, prints and builds its module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from metaclr.bridge.settings import override
from metaclr.errors import UserError


@dataclass(frozen=True)
class Sizes:
    """Sizes that a module needs before the first batch."""

    dim: int
    """D, the length of an embedding."""
    dataset_size: int = 0
    """Images in the training set (running estimates); 0 if unknown."""
    classes: int = 0
    """Labelled classes in the training set (the supervised classifier); 0 if unknown."""
    seed: int = 0
    """Of initial weights and of resampled tasks."""


@dataclass(frozen=True)
class ObjectiveSpec:
    """Base of every objective's settings."""

    formula: ClassVar[str] = ""
    """TeX, for objectives that are not settings of the bridge."""

    @property
    def needs_labels(self) -> bool:
        """Whether the objective reads `Context.labels`."""
        return False

    @property
    def needs_momentum_encoder(self) -> bool:
        """Whether the objective requires `Context.momentum_embeddings`."""
        return False

    def build(self, dim: int, dataset_size: int = 0, classes: int = 0, seed: int = 0, **overrides: Any) -> nn.Module:
        """The objective as a module: embeddings `(T, N, V, D)` and a Context to a scalar loss.

        Args:
            dim: D.
            dataset_size: images in the training set; read by running estimates only.
            classes: labelled classes in the training set; read by `supervised` only.
            seed: of initial weights and of resampled tasks; torch's global generator is not changed.
            overrides: settings by name (`temperature=0.2`), of the objective or of one of its axes.

        Raises:
            UserError: an unknown setting, an illegal value or an illegal combination.
        """
        settings = override(self, **overrides)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            return settings.module(Sizes(dim, dataset_size, classes, seed))

    def module(self, sizes: Sizes) -> nn.Module:
        """The module of these settings."""
        raise UserError(f"{type(self).__name__} has nothing to train")


@dataclass(frozen=True)
class NoObjective(ObjectiveSpec):
    """For the controls (`untrained`, `pixels`) and for methods with a learner of their own."""
