"""The adaptation of one episode: gradient steps on its support, then logits of its queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import vmap

from metaclr.device import device_of
from metaclr.engine.precision import autocast, dtype_for
from metaclr.meta.functional_network import FunctionalNetwork, Weights, encoder_weights, linear
from metaclr.meta.inner_steps import final_weights
from metaclr.meta.support_norm import Statistics

if TYPE_CHECKING:
    from metaclr.adaptation.adapted_encoder import AdaptedEncoder


class AdaptedEpisode:
    """Logits (N Q, N) as a pure function of support (N K, C, H, W) and query (N Q, C, H, W)."""

    def __init__(self, settings: AdaptedEncoder, way: int, shot: int) -> None:
        self.settings, self.way, self.shot = settings, way, shot
        self.encoder = {f"encoder.{n}": v.detach() for n, v in settings.encoder.named_parameters()}
        device = device_of(settings.encoder)
        self.target = torch.arange(way, device=device).repeat_interleave(shot)
        self.computed = dtype_for(settings.encoder, settings.precision, device)
        self.batches = _batches(way * shot, settings.batch, settings.steps)

    def logits(self, network: FunctionalNetwork, support: Tensor, query: Tensor) -> Tensor:
        """For one episode, with whatever is fastest alone."""
        weights = self._adapted(network, support, functional=False)
        encoder = encoder_weights(weights)
        fixed = self._fixed(network, encoder, support)
        with autocast(query.device, self.computed):
            if self.settings.statistics == "batch":
                features = network.by_batch(encoder, query)
            else:
                features = network.in_eval_mode(encoder, query, fixed)
        return linear(weights, features)

    def logits_of_many(self, network: FunctionalNetwork, support: Tensor, query: Tensor) -> Tensor:
        """(E, N Q, N) of episodes (E, N K, C, H, W) and (E, N Q, C, H, W), under vmap."""

        def one(support: Tensor, query: Tensor) -> Tensor:
            weights = self._adapted(network, support, functional=True)
            encoder, statistics = encoder_weights(weights), self.settings.statistics
            if statistics == "batch":
                features = network.by_support(encoder, query, len(query))
            elif statistics == "support":  # the support gives its statistics to the queries behind it
                features = network.by_support(encoder, torch.cat([support, query]), len(support))[len(support) :]
            else:
                features = network.in_eval_mode(encoder, query, self._fixed(network, encoder, support))
            return linear(weights, features)

        logits: Tensor = vmap(one)(support, query)
        return logits

    def _fixed(self, network: FunctionalNetwork, encoder: Weights, support: Tensor) -> list[Statistics] | None:
        """The statistics that the queries' batch norms use, or None for the running ones."""
        settings = self.settings
        if settings.statistics == "per_step":
            assert settings.step_statistics is not None
            return settings.step_statistics.at(settings.steps)
        return network.statistics(encoder, support) if settings.statistics == "support" else None

    def _adapted(self, network: FunctionalNetwork, support: Tensor, *, functional: bool) -> Weights:
        """The weights after all steps."""
        settings = self.settings

        def features(encoder: Weights, images: Tensor, step: int) -> Tensor:
            if settings.statistics == "running":
                return network.in_eval_mode(encoder, images)
            if settings.statistics == "per_step":
                assert settings.step_statistics is not None
                return network.by_fixed(encoder, images, settings.step_statistics.at(step))
            if functional:
                return network.by_support(encoder, images, len(images))
            return network.by_batch(encoder, images)

        def loss(weights: Weights, step: int) -> Tensor:
            rows = self.batches[step] if self.batches else slice(None)
            logits = linear(weights, features(encoder_weights(weights), support[rows], step))
            found = F.cross_entropy(logits, self.target[rows])
            if settings.proximal:
                distance = sum((value - start[name]).square().sum() for name, value in weights.items())
                found = found + 0.5 * settings.proximal * distance
            return found

        shape = (1, self.way, self.shot, -1)
        needed = settings.head is None
        rows = features(encoder_weights(self.encoder), support, 0) if needed else support.flatten(1)
        weight, bias = settings.start(rows.view(shape))
        start = {**self.encoder, "head.weight": weight[0], "head.bias": bias[0]}
        return final_weights(
            loss, start, settings.rule(settings.rate_for(self.way)), settings.steps, functional=functional
        )


def _batches(count: int, size: int | None, steps: int) -> list[Tensor]:
    """Rows of each step: shuffled passes over the support, the same for every episode; none for all rows."""
    if size is None or size >= count:
        return []
    generator = torch.Generator().manual_seed(0)
    order = torch.cat([torch.randperm(count, generator=generator) for _ in range(-(-steps * size // count))])
    return list(torch.split(order[: steps * size], size))
