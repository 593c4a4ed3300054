"""End-to-end fine-tuning of a copy of an encoder on a few labels."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from episodes import ImageSet, ViewRecipe, augment, random, to_float
from metaclr.engine.precision import NAMES, autocast, dtype_for, weights_dtype
from metaclr.engine.settings import Precision
from metaclr.errors import UserError
from metaclr.evaluation.linear import Probe
from metaclr.evaluation.measurement import join
from metaclr.networks.eval_mode import evaluation_mode

Tuned = tuple[nn.Module, Callable[[Tensor], Tensor]]
"""A fine-tuned encoder, and its head from features (B, F) to logits (B, N)."""


@dataclass(frozen=True)
class FineTune:
    """How to fine-tune: `steps` Adam steps of `batch` labelled images, the learning rate falling as a cosine.

    lr: of the encoder. head_lr: of the linear head; None is the same.
    views: random views of the labelled images; None shows them as they are.
    frozen_statistics: BatchNorm keeps the running statistics of pre-training (a few labels estimate none).
    """

    steps: int = 30
    batch: int = 32
    lr: float = 3e-4
    head_lr: float | None = None
    weight_decay: float = 0.0
    views: ViewRecipe | None = None
    frozen_statistics: bool = True
    precision: Precision = "auto"  # float64 for an encoder in float64, whatever this says

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch", 1)):
            if getattr(self, name) < least:
                raise UserError(f"low-label {name} must be {least} or more, not {getattr(self, name)}")
        if not self.lr > 0:
            raise UserError(f"low-label lr must be above 0, not {self.lr}")

    def said(self, computed: torch.dtype) -> str:
        """These settings as a protocol has them, and what the encoder is computed in."""
        return join(
            optimizer="Adam, cosine",
            steps=self.steps,
            batch=self.batch,
            lr=self.lr,
            head_lr=self.head_lr or self.lr,
            weight_decay=self.weight_decay,
            precision=NAMES[computed],
            augmentation="none" if self.views is None else "random views",
            bn="frozen statistics" if self.frozen_statistics else "trained statistics",
            head="linear, starts as the frozen probe",
        )


def fine_tune(
    encoder: nn.Module, probe: Probe, labelled: ImageSet, labels: Tensor, settings: FineTune, *, seed: int
) -> Tuned:
    """A fine-tuned copy of the encoder, and its head; the encoder is untouched.

    The head starts as the frozen linear probe (LP-FT; Kumar et al. 2022, arXiv:2202.10054), so that fine-tuning
    starts where the frozen evaluation ends and does not first distort the features.

    Args:
        labelled: n images on the encoder's device. labels: (n,) in 0..N-1.
        seed: the same seed shows the same images in the same order; no global generator is read.
    """
    device = labelled.images.device
    tuned = deepcopy(encoder).requires_grad_(True)
    weight, bias = probe.weight.clone().requires_grad_(True), probe.bias.clone().requires_grad_(True)
    optimizer, schedule = optimiser_of([*tuned.parameters()], [weight, bias], settings)
    computed = dtype_for(tuned, settings.precision, device)
    with evaluation_mode(tuned):
        if not settings.frozen_statistics:
            tuned.train()
        for step, rows in enumerate(batches(len(labels), settings, seed, device)):
            pixels = shown(labelled.images[rows], rows, settings, seed, step).to(weights_dtype(computed))
            with autocast(device, computed):
                embedded = tuned(pixels.contiguous(memory_format=torch.channels_last)).flatten(1)
            loss = F.cross_entropy(embedded.to(weight.dtype) @ weight + bias, labels[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return tuned.requires_grad_(False), linear_head(weight.detach(), bias.detach())


def linear_head(weight: Tensor, bias: Tensor) -> Callable[[Tensor], Tensor]:
    """Features (B, F) to logits (B, N) by weight (F, N) and bias (N,)."""
    return lambda found: found @ weight + bias


def optimiser_of(
    body: list[Tensor], head: list[Tensor], settings: FineTune
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Adam over the parameters of encoder and head, fused, and its cosine."""
    optimizer = torch.optim.Adam(
        [{"params": body, "lr": settings.lr}, {"params": head, "lr": settings.head_lr or settings.lr}],
        weight_decay=settings.weight_decay,
        fused=True,
    )
    return optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)


def batches(count: int, settings: FineTune, seed: int, device: torch.device) -> tuple[Tensor, ...]:
    """The images of each step: one shuffled pass over the labelled set after another, cut into batches."""
    size = min(settings.batch, count)
    passes = -(-settings.steps * size // count)
    order = torch.arange(count)
    walk = torch.cat([random.permute(random.key(seed, "fine-tune", i), order, count) for i in range(passes)])
    return torch.split(walk[: settings.steps * size].to(device), size)


def shown(images: Tensor, ids: Tensor, settings: FineTune, seed: int, step: int) -> Tensor:
    """uint8 (B, C, H, W) -> float32 (B, C, H, W), as they are or one random view of each."""
    if settings.views is None:
        return to_float(images)
    return augment(images, settings.views, seed=seed, step=step, ids=ids, views=torch.zeros_like(ids))
