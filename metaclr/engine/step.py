"""One step of training: forward, backward, update. Nothing in it waits for the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from metaclr.engine.distributed import average, average_gradients

if TYPE_CHECKING:
    from episodes.task import Episode


def forward_backward(
    learner: nn.Module, pixels: Tensor, episode: Episode, autocast: torch.autocast
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss and metrics of a batch (T, N, V, C, H, W); loss and gradients are means over ranks.

    The gradients are left in the parameters.
    """
    loss: Tensor
    metrics: dict[str, Tensor]
    with autocast:
        loss, metrics = learner(pixels, episode)
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]
    average_gradients(learner)
    return average(loss.detach()), metrics


def update(learner: nn.Module, optimizer: torch.optim.Optimizer, lr: float, clip: float | None) -> None:
    """Move the parameters with learning rate `lr`, the gradient cut to norm `clip`, and drop the gradients."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    if clip is not None:
        nn.utils.clip_grad_norm_(learner.parameters(), clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
