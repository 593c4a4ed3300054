"""Linear heads fitted by gradient steps on the support of each episode, the encoder frozen; all episodes at once.

Baseline and Baseline++ (Chen et al. 2019, arXiv:1904.04232) and ProtoTune (Medina et al. 2020, arXiv:2006.11325).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.errors import UserError
from metaclr.heads.linear_classifier import LinearClassifier
from metaclr.heads.prototypes import class_means
from metaclr.heads.similarity import linear_form, squared_euclidean


@dataclass(frozen=True)
class GradientHead:
    """A linear layer trained on the support in mini-batches; every episode has weights and optimizer state of its own.

    layer: "linear", or "cosine" with logits scale cos(w, q). start: small seeded weights, or "prototypes".
    optimizer: "sgd" with momentum 0.9, dampening 0.9, weight decay 1e-3 (Chen et al.), or "adam".
    epochs: passes over the support; a batch has `batch` examples, or one per way for None.

    Raises:
        UserError: epochs or batch below 1, or a rate or scale that is not above 0.
    """

    iterative: ClassVar[bool] = True
    layer: Literal["linear", "cosine"] = "linear"
    start: Literal["random", "prototypes"] = "random"
    optimizer: Literal["sgd", "adam"] = "sgd"
    lr: float = 0.01
    epochs: int = 100
    batch: int | None = 4
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.epochs < 1 or (self.batch is not None and self.batch < 1):
            raise UserError(f"a gradient head needs epochs and batch of at least 1, not {self.epochs} and {self.batch}")
        if not self.lr > 0 or not self.scale > 0:
            raise UserError(f"a gradient head needs lr and scale above 0, not {self.lr} and {self.scale}")

    def fit(self, support: Tensor) -> LinearClassifier:
        """Support (E, N, K, D) -> one column per way; without gradient through the steps."""
        way, shot = support.shape[1:3]
        with torch.inference_mode(False), torch.enable_grad():
            rows = support.detach().clone().flatten(1, 2)
            weight, bias = (value.requires_grad_(True) for value in self._start(support.detach().clone()))
            labels = torch.arange(way, device=rows.device).repeat_interleave(shot)
            optimizer = self._optimizer([weight] if self.layer == "cosine" else [weight, bias])
            for picked in self._batches(way * shot, way):
                optimizer.zero_grad()
                loss = self._loss(weight, bias, rows[:, picked], labels[picked])
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        weight, bias = weight.detach(), bias.detach()
        if self.layer == "cosine":
            return LinearClassifier(self.scale * F.normalize(weight, dim=-1), None, way, unit_query=True)
        return LinearClassifier(weight, bias, way)

    def _start(self, support: Tensor) -> tuple[Tensor, Tensor]:
        """Weight (E, N, D) and bias (E, N) before the first step; the same random weights for every episode."""
        episodes, way, _, dims = support.shape
        if self.start == "prototypes":
            weight, bias, _ = linear_form(squared_euclidean, class_means(support))
            assert bias is not None
            return weight, bias
        generator = torch.Generator().manual_seed(0)
        bound = dims**-0.5  # as nn.Linear
        weight = (2 * torch.rand(way, dims, generator=generator, dtype=torch.float64) - 1) * bound
        return weight.to(support).repeat(episodes, 1, 1), support.new_zeros(episodes, way)

    def _optimizer(self, parameters: list[Tensor]) -> torch.optim.Optimizer:
        if self.optimizer == "adam":
            return torch.optim.Adam(parameters, lr=self.lr)
        return torch.optim.SGD(parameters, lr=self.lr, momentum=0.9, dampening=0.9, weight_decay=1e-3)

    def _batches(self, count: int, way: int) -> list[Tensor]:
        """Example indices of each step: shuffled passes over the support, the same for every episode."""
        generator = torch.Generator().manual_seed(0)
        orders = [torch.randperm(count, generator=generator) for _ in range(self.epochs)]
        return [batch for order in orders for batch in torch.split(order, self.batch or way)]

    def _loss(self, weight: Tensor, bias: Tensor, rows: Tensor, labels: Tensor) -> Tensor:
        """Sum over episodes of the mean cross-entropy of rows (E, B, D), so that each has the gradient of its own."""
        if self.layer == "cosine":
            logits = self.scale * F.normalize(rows, dim=-1) @ F.normalize(weight, dim=-1).mT
        else:
            logits = rows @ weight.mT + bias.unsqueeze(1)
        return F.cross_entropy(logits.flatten(0, 1), labels.repeat(len(rows))) * len(rows)


BASELINE = GradientHead()
"""Baseline: a linear layer, 100 epochs of batches of 4 (the authors' fine-tuning)."""

BASELINE_PLUS = GradientHead(layer="cosine", scale=2.0)
"""Baseline++: a cosine layer with the authors' scale of 2 for up to 200 classes."""

PROTO_TUNE = GradientHead(start="prototypes", optimizer="adam", lr=1e-3, epochs=15, batch=None)
"""ProtoTune: a linear layer that starts as squared Euclidean prototypes, 15 epochs of Adam, a batch of N."""
