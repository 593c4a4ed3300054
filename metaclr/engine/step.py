"""One step of training: forward, backward, update. On a GPU nothing in it waits for the device."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from metaclr.engine.distributed import average, average_gradients
from metaclr.engine.training_state import TrainingState

if TYPE_CHECKING:
    from episodes.task import Episode

Result = tuple[Tensor, dict[str, Tensor]]
"""The loss and the learner's metrics, 0-d and on the device."""
Step = Callable[[Tensor, "Episode", float | Tensor], Result]
"""Pixels, their episode and a learning rate: one step of training."""


def plain_step(run: TrainingState, autocast: torch.autocast, *, looks: bool) -> Step:
    """The step of this run. looks: at the loss, which costs nothing on a CPU: a bad one moves no parameter."""

    def step(pixels: Tensor, episode: Episode, lr: float | Tensor) -> Result:
        loss, metrics = forward_backward(run.learner, pixels, episode, autocast)
        if looks and not math.isfinite(loss.item()):
            raise run.broken("the loss is not finite", run.step + 1)
        update(run.learner, run.optimizer, lr, run.settings.clip)
        return loss, metrics

    return step


def forward_backward(learner: nn.Module, pixels: Tensor, episode: Episode, autocast: torch.autocast) -> Result:
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


def update(learner: nn.Module, optimizer: torch.optim.Optimizer, lr: float | Tensor, clip: float | None) -> None:
    """Move the parameters with learning rate `lr`, the gradient cut to norm `clip`, and drop the gradients."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    if clip is not None:
        nn.utils.clip_grad_norm_(learner.parameters(), clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
