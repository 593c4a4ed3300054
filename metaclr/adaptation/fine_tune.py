"""End-to-end fine-tuning of a copy of an encoder on a few labels."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from episodes import ImageSet, ViewRecipe, augment, random, to_float
from metaclr.engine.precision import autocast, dtype_for, weights_dtype
from metaclr.engine.settings import Precision
from metaclr.errors import UserError
from metaclr.networks.eval_mode import evaluation_mode

FineTuned = tuple[nn.Module, Callable[[Tensor], Tensor]]
"""A fine-tuned encoder, and its head from features (B, F) to logits (B, N)."""

LinearStart = tuple[Tensor, Tensor]
"""Weight (F, N) and bias (N,) that the linear head starts from."""


@dataclass(frozen=True)
class FineTune:
    """How to fine-tune: `steps` Adam steps of `batch` labelled images, the learning rate falling as a cosine.

    lr: of the encoder. head_lr: of the linear head; None is the same.
    views: random views of the labelled images; None uses the images unchanged.
    frozen_statistics: batch norm keeps the running statistics of pre-training, since a few labels estimate none.
    precision: of the computation; an encoder in float64 is computed in float64 whatever the value.
    stacked: tune all label subsets at once under vmap. "auto": a small encoder on a GPU.
    """

    steps: int = 30
    batch: int = 32
    lr: float = 3e-4
    head_lr: float | None = None
    weight_decay: float = 0.0
    views: ViewRecipe | None = None
    frozen_statistics: bool = True
    precision: Precision = "auto"
    stacked: Literal["auto", "on", "off"] = "auto"

    def __post_init__(self) -> None:
        for name in ("steps", "batch"):
            if getattr(self, name) < 1:
                raise UserError(f"low-label {name} must be 1 or more, not {getattr(self, name)}")
        if not self.lr > 0:
            raise UserError(f"low-label lr must be above 0, not {self.lr}")
        if self.stacked not in ("auto", "on", "off"):
            raise UserError(f"low-label stacked = {self.stacked!r}: one of 'auto', 'on', 'off'")


def fine_tune(
    encoder: nn.Module, start: LinearStart, labelled: ImageSet, labels: Tensor, settings: FineTune, *, seed: int
) -> FineTuned:
    """Fine-tune a copy of the encoder with a linear head; the encoder itself is not changed.

    A head that starts as the linear probe of the frozen features (LP-FT; Kumar et al. 2022, arXiv:2202.10054) does
    not distort the features in its first steps.

    Args:
        start: weight (F, N) and bias (N,) of the head before the first step.
        labelled: n images on the encoder's device. labels: (n,) in 0..N-1.
        seed: of the order in which images are shown; the global generator is not read.
    """
    device = labelled.images.device
    tuned = deepcopy(encoder).requires_grad_(True)
    weight, bias = (value.clone().requires_grad_(True) for value in start)
    optimizer, schedule = build_optimizer([*tuned.parameters()], [weight, bias], settings)
    computed = dtype_for(tuned, settings.precision, device)
    with evaluation_mode(tuned):
        if not settings.frozen_statistics:
            tuned.train()
        for step, rows in enumerate(batches(len(labels), settings, seed, device)):
            pixels = views_of(labelled.images[rows], rows, settings, seed, step).to(weights_dtype(computed))
            with autocast(device, computed):
                embedded = tuned(pixels.contiguous(memory_format=torch.channels_last)).flatten(1)
            loss = F.cross_entropy(embedded.to(weight.dtype) @ weight + bias, labels[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return tuned.requires_grad_(False), linear_head(weight.detach(), bias.detach())


def linear_head(weight: Tensor, bias: Tensor) -> Callable[[Tensor], Tensor]:
    """Function from features (B, F) to logits (B, N), with weight (F, N) and bias (N,)."""
    return lambda features: features @ weight + bias


def build_optimizer(
    body: list[Tensor], head: list[Tensor], settings: FineTune
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Fused Adam over the parameters of encoder and head, and its cosine schedule."""
    optimizer = torch.optim.Adam(
        [{"params": body, "lr": settings.lr}, {"params": head, "lr": settings.head_lr or settings.lr}],
        weight_decay=settings.weight_decay,
        fused=True,
    )
    return optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)


def batches(count: int, settings: FineTune, seed: int, device: torch.device) -> tuple[Tensor, ...]:
    """Image indices of each step: shuffled passes over the `count` labelled images, cut into batches."""
    size = min(settings.batch, count)
    passes = -(-settings.steps * size // count)
    order = torch.arange(count)
    shuffled = torch.cat([random.permute(random.key(seed, "fine-tune", i), order, count) for i in range(passes)])
    return torch.split(shuffled[: settings.steps * size].to(device), size)


def views_of(images: Tensor, ids: Tensor, settings: FineTune, seed: int, step: int) -> Tensor:
    """Convert uint8 (B, C, H, W) to float32 (B, C, H, W): unchanged, or one random view of each image."""
    if settings.views is None:
        return to_float(images)
    return augment(images, settings.views, seed=seed, step=step, ids=ids, views=torch.zeros_like(ids))
