"""An encoder as a pure function of its weights, for gradient steps that leave the encoder itself unchanged."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from metaclr.bridge.logits.upcast import upcast
from metaclr.meta.support_norm import Statistics, copy_of, with_support_norm

Weights = dict[str, Tensor]
"""Tensors by the names that `module.named_parameters()` gives them."""


class FunctionalNetwork:
    """Features (B, F) of images (B, C, H, W) by an encoder with any weights; three ways to normalize a batch.

    A call sets the weights inside a copy of the modules, so each thread needs a network.
    """

    def __init__(self, encoder: nn.Module) -> None:
        self._inductive, self.norms = with_support_norm(encoder)
        self._frozen = copy_of(encoder).eval()
        self._batch = copy_of(encoder).train()
        # `type(norm)` stays BatchNorm2d, for which Conv-4 has a fast first block.
        for norm in (m for m in self._batch.modules() if isinstance(m, _BatchNorm)):
            norm.track_running_stats, norm.running_mean, norm.running_var = False, None, None
            norm.num_batches_tracked = None
        self.norm_names = [name for name, m in self._frozen.named_modules() if isinstance(m, _BatchNorm)]

    def by_batch(self, weights: Weights, images: Tensor) -> Tensor:
        """Batch norm by the statistics of these images together."""
        return _call(self._batch, weights, images)

    def by_support(self, weights: Weights, images: Tensor, n_support: int) -> Tensor:
        """Batch norm by the statistics of the first `n_support` images."""
        for norm in self.norms:
            norm.n_support, norm.fixed = n_support, None
        return _call(self._inductive, weights, images)

    def by_fixed(self, weights: Weights, images: Tensor, statistics: Sequence[Statistics]) -> Tensor:
        """Batch norm by given statistics, one pair for each batch norm; differentiable in training's sense."""
        for norm, fixed in zip(self.norms, statistics, strict=True):
            norm.fixed = fixed
        return _call(self._inductive, weights, images)

    def statistics(self, weights: Weights, images: Tensor) -> list[Statistics]:
        """Mean and biased variance before every batch norm, of these images together, without gradient."""
        for norm in self.norms:
            norm.record = True
        self.by_support(weights, images, len(images))
        return self.take_seen()

    def take_seen(self) -> list[Statistics]:
        """What the norms recorded in the last call; they stop recording."""
        found = []
        for norm in self.norms:
            assert norm.seen is not None
            found.append(norm.seen)
            norm.seen, norm.record = None, False
        return found

    def in_eval_mode(self, weights: Weights, images: Tensor, statistics: Sequence[Statistics] | None = None) -> Tensor:
        """The encoder as for evaluation, which may be faster than `by_fixed`; by default with running statistics."""
        buffers: Weights = {}
        for name, (mean, variance) in zip(self.norm_names, statistics or (), strict=statistics is not None):
            buffers |= {f"{name}.running_mean": mean, f"{name}.running_var": variance}
        return _call(self._frozen, weights | buffers, images)


def _call(network: nn.Module, weights: Weights, images: Tensor) -> Tensor:
    return upcast(functional_call(network, weights, (images,)).flatten(1))


def encoder_weights(weights: Weights) -> Weights:
    """The encoder's part of the weights of encoder and head, by the encoder's own names."""
    return {name[8:]: value for name, value in weights.items() if name.startswith("encoder.")}


def linear(weights: Weights, features: Tensor) -> Tensor:
    """Logits (B, N) of features (B, F) by the head's `weight` (N, F) and `bias` (N,), in the features' precision."""
    with torch.autocast(features.device.type, enabled=False):
        return torch.addmm(weights["head.bias"], features, weights["head.weight"].mT)
