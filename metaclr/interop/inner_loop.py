"""MAML as a learner of the engine, with learn2learn's inner loop on every task of the batch. Finn et al. 2017,
arXiv:1703.03400; UMTRA is MAML on tasks of unlabelled images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge.logits.upcast import upcast
from metaclr.errors import UserError, unknown
from metaclr.interop.precomputed_gradient import with_gradient
from metaclr.networks.external import need
from metaclr.networks.seeded_init import seeded

if TYPE_CHECKING:
    from episodes.task import Episode
    from metaclr.methods.method import Method


class InnerLoop(nn.Module):
    """An encoder and a linear head of N outputs, adapted to each task's support set; the loss is that of its queries.

    Way n of a task belongs to output n. Batch norm uses the statistics of the batch in the inner loop, as the authors'
    code does; the running statistics, for evaluation, are those of the encoder before adaptation on all views of the
    batch.
    """

    # Inner loops cannot be compiled (second derivatives), and their batch statistics are of one task.
    networks: tuple[str, ...] = ()

    def __init__(self, encoder: nn.Module, way: int, *, inner_lr: float, inner_steps: int, first_order: bool) -> None:
        """`encoder` (B, C, H, W) to (B, F) with attribute `features`; `way` is N.

        Raises:
            UserError: learn2learn is missing.
        """
        super().__init__()
        need("learn2learn", "an inner loop (method 'maml' or 'umtra')")
        self.encoder = encoder
        self.head = nn.Linear(int(encoder.features), way)  # type: ignore[arg-type]
        self.inner_lr, self.inner_steps, self.first_order = inner_lr, inner_steps, first_order

    def forward(self, pixels: Tensor, episode: Episode) -> tuple[Tensor, dict[str, Tensor]]:
        """Pixels (T, N, V, C, H, W), V = K + Q, to the mean query loss over tasks, and 0-d metrics.

        The gradient is taken task by task, so memory does not grow with T.
        """
        if pixels.shape[1] != self.head.out_features:
            raise UserError(
                f"tasks of {pixels.shape[1]} ways for a head of {self.head.out_features} outputs; set the method's way"
            )
        if not 1 <= episode.shot < pixels.shape[2]:
            raise UserError(
                f"shot = {episode.shot}: an inner loop on {pixels.shape[2]} views needs 1 to {pixels.shape[2] - 1}"
            )
        _refresh_statistics(self.encoder, pixels.flatten(0, 2))
        parameters = [p for p in self.parameters() if p.requires_grad]
        sums = [torch.zeros_like(p) for p in parameters]
        losses, accuracies = [], []
        with _frozen_statistics(self.encoder), torch.enable_grad():
            for task in pixels:
                loss, accuracy = self.task_loss(task[:, : episode.shot], task[:, episode.shot :])
                # An unused parameter has no gradient; its sum stays 0.
                for total, grad in zip(sums, torch.autograd.grad(loss, parameters, allow_unused=True), strict=True):
                    if grad is not None:
                        total.add_(grad, alpha=1 / len(pixels))
                losses.append(loss.detach())
                accuracies.append(accuracy)
        loss = with_gradient(torch.stack(losses).mean(), parameters, sums)
        return loss, {"accuracy": torch.stack(accuracies).mean()}

    def task_loss(self, support: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        """Adapt to support (N, K, C, H, W) and return loss and accuracy on query (N, Q, C, H, W), both 0-d."""
        from learn2learn.algorithms import MAML

        frozen = not all(p.requires_grad for p in self.parameters())
        start = MAML(
            nn.Sequential(self.encoder, self.head),
            lr=self.inner_lr,
            first_order=self.first_order,
            allow_nograd=frozen,
        )
        learner = start.clone()
        for _ in range(self.inner_steps):
            learner.adapt(_cross_entropy(learner, support)[0])
        return _cross_entropy(learner, query)


def inner_loop(encoder: nn.Module, method: Method, *, seed: int, settings: Mapping[str, Any]) -> InnerLoop:
    """The learner of a method with the `defaults` inner_lr, inner_steps and first_order.

    settings: values that replace the defaults, by name. The head's initial weights are a function of the seed.

    Raises:
        UserError: learn2learn is missing, an unknown setting, or a value that is not allowed.
    """
    values = {**method.defaults}
    for name, value in settings.items():
        if name not in values:
            raise unknown(f"setting of {method.name or 'maml'}", name, values)
        values[name] = value
    lr, steps, first_order = (values[name] for name in ("inner_lr", "inner_steps", "first_order"))
    if isinstance(lr, bool) or not isinstance(lr, (int, float)) or not 0 <= lr < math.inf:
        raise UserError(f"inner_lr = {lr!r}: a number of at least 0")
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
        raise UserError(f"inner_steps = {steps!r}: a whole number of at least 0")
    if not isinstance(first_order, bool):
        raise UserError(f"first_order = {first_order!r}: true or false")
    if method.way is None:
        raise UserError("an inner loop needs a method with a fixed number of ways")
    with seeded(seed, "head"):
        return InnerLoop(encoder, method.way, inner_lr=float(lr), inner_steps=steps, first_order=first_order)


def _cross_entropy(learner: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Loss and accuracy on images (N, K, C, H, W), whose class is the index of their way."""
    way, each = images.shape[:2]
    target = torch.arange(way, device=images.device).repeat_interleave(each)
    logits = upcast(learner(images.flatten(0, 1)))
    return F.cross_entropy(logits, target), (logits.detach().argmax(1) == target).float().mean()


def _norms(encoder: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    return [module for module in encoder.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


@torch.no_grad()
def _refresh_statistics(encoder: nn.Module, rows: Tensor) -> None:
    """Update the running statistics by one pass over rows (B, C, H, W), the images of all tasks."""
    if encoder.training and _norms(encoder):
        encoder(rows)


@contextmanager
def _frozen_statistics(encoder: nn.Module) -> Iterator[None]:
    """Inside, batch norm does not change its running mean and variance."""
    norms = _norms(encoder)
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
