"""One step of training: forward, backward, update. On a GPU it never waits for the device."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from metaclr.engine.distributed import average, average_gradients
from metaclr.engine.gradient_cache import cached_forward_backward
from metaclr.engine.learner import Learner
from metaclr.engine.training_state import TrainingState

if TYPE_CHECKING:
    from episodes.task import Episode

Result = tuple[Tensor, dict[str, Tensor]]
"""The loss and the learner's metrics, 0-d and on the device."""
Step = Callable[[Tensor, "Episode", float | Tensor], Result]
"""One step of training on pixels and their episode with a learning rate."""


def plain_step(state: TrainingState, autocast: torch.autocast, *, check_loss: bool) -> Step:
    """The training step as separate kernels.

    check_loss: read the loss before the update and raise NonFiniteLoss instead of moving a parameter by it; on a CPU
    reading it needs no synchronization.
    """

    def step(pixels: Tensor, episode: Episode, lr: float | Tensor) -> Result:
        loss, metrics = forward_backward(state.learner, pixels, episode, autocast, state.settings.chunk_views)
        if check_loss and not math.isfinite(loss.item()):
            raise state.non_finite("the loss is NaN or infinite", state.step + 1)
        update(state.learner, state.optimizer, lr, state.settings.clip)
        return loss, metrics

    return step


def forward_backward(
    learner: nn.Module, pixels: Tensor, episode: Episode, autocast: torch.autocast, chunk: int = 0
) -> Result:
    """Loss and metrics of a batch (T, N, V, C, H, W); gradients are left in the parameters.

    chunk: views that are embedded at a time; 0, or a batch that is no larger: all together.

    Loss and gradients are means over ranks.
    """
    loss: Tensor
    metrics: dict[str, Tensor]
    if 0 < chunk < pixels.shape[:3].numel() and isinstance(learner, Learner):
        loss, metrics = cached_forward_backward(learner, pixels, episode, autocast, chunk)
    else:
        with autocast:
            loss, metrics = learner(pixels, episode)
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
    average_gradients(learner)
    return average(loss.detach()), metrics


def update(learner: nn.Module, optimizer: torch.optim.Optimizer, lr: float | Tensor, clip: float | None) -> None:
    """Clip the gradient to norm `clip`, update the parameters with learning rate `lr`, and free the gradients."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    if clip is not None:
        nn.utils.clip_grad_norm_(learner.parameters(), clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
