"""Query losses of a batch of tasks after the inner steps, with the gradient of the outer step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import vmap

from metaclr.bridge.logits.upcast import upcast
from metaclr.meta.functional_network import FunctionalNetwork, Weights, encoder_weights, linear
from metaclr.meta.inner_steps import Descent, inner_steps
from metaclr.meta.multi_step import step_weights
from metaclr.meta.over_tasks import over_tasks
from metaclr.meta.step_statistics import joined

if TYPE_CHECKING:
    from metaclr.meta.inner_loop import InnerLoop

Losses = tuple[Tensor, Tensor]
"""Query losses and accuracies (T,)."""
_GPU_IMAGES = 1 << 13  # images of a chunk of tasks under vmap


def of_all(
    learner: InnerLoop, parameters: Sequence[Tensor], pixels: Tensor, shot: int, *, serial: bool
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Losses and accuracies (T,) of tasks (T, N, V, C, H, W), without graph, and the gradient of the mean loss.

    On a GPU chunks of tasks run under vmap; on a CPU each task runs in one of the threads.
    """
    sums = [torch.zeros_like(p) for p in parameters]

    def gradient_of(loss: Tensor) -> list[Tensor | None]:
        return list(torch.autograd.grad(loss / len(pixels), parameters, allow_unused=True))

    def one(network: FunctionalNetwork, task: Tensor) -> tuple[Tensor, Tensor, Tensor, list[Tensor | None]]:
        if learner.settings.backend == "learn2learn":
            from metaclr.interop.learn2learn_loop import task_loss as by_learn2learn

            loss, accuracy = by_learn2learn(learner, task[:, :shot], task[:, shot:])
            return loss.detach(), accuracy, loss.new_zeros(0), gradient_of(loss)
        loss, accuracy, seen = task_loss(learner, network, task, shot)
        return loss.detach(), accuracy, seen, gradient_of(loss)

    def together(tasks: Tensor) -> tuple[Tensor, Tensor, Tensor, list[Tensor | None]]:
        (network,) = learner.copies(1)[:1]
        loss, accuracy, seen = vmap(
            lambda task: task_loss(learner, network, task, shot, functional=True), randomness="different"
        )(tasks)
        return loss.detach(), accuracy, seen, gradient_of(loss.sum())

    if pixels.device.type == "cuda" and learner.settings.backend == "batched":
        size = max(1, _GPU_IMAGES // pixels.shape[1:3].numel())
        found = [together(tasks) for tasks in torch.split(pixels, size)]
        join = torch.cat
    else:
        one_thread = serial or learner.settings.backend == "learn2learn"
        found = over_tasks(one, learner.copies, list(pixels), serial=one_thread)
        join = torch.stack
    for *_, gradients in found:
        for total, gradient in zip(sums, gradients, strict=True):
            if gradient is not None:  # an unused parameter has none; its sum stays 0
                total.add_(gradient)
    if learner.step_statistics is not None and learner.training:
        learner.step_statistics.update(join([seen for _, _, seen, _ in found]))
    return join([loss for loss, *_ in found]), join([accuracy for _, accuracy, *_ in found]), sums


def task_loss(
    learner: InnerLoop, network: FunctionalNetwork, task: Tensor, shot: int, *, functional: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Query loss, accuracy (0-d) and recorded statistics (steps + 1, 2, C) or (0,) of a task (N, V, C, H, W)."""
    settings = learner.settings
    support, query = task[:, :shot].flatten(0, 1), task[:, shot:].flatten(0, 1)
    of_support, of_query = (targets(task, views) for views in (shot, task.shape[1] - shot))
    record, seen = learner.step_statistics is not None, []

    def logits(weights: Weights, images: Tensor, n_support: int) -> Tensor:
        encoder = encoder_weights(weights)
        if settings.statistics == "batch" and not functional:
            return linear(weights, network.by_batch(encoder, images))
        for norm in network.norms:
            norm.record = record
        features = network.by_support(encoder, images, n_support)
        if record:
            seen.append(joined(network.take_seen()))
        return linear(weights, features)

    def support_loss(weights: Weights, step: int) -> Tensor:
        return cross_entropy(logits(weights, support, len(support)), of_support)

    def query_logits(weights: Weights) -> Tensor:
        if settings.statistics != "support":
            return logits(weights, query, len(query))
        return logits(weights, torch.cat([support, query]), len(support))[len(support) :]

    start, steps = learner.adapted(), settings.inner_steps
    counted = step_weights(steps, learner.progress, settings.multi_step)
    loss, weights = torch.zeros((), device=task.device), start
    for weight, weights in zip(
        counted,
        inner_steps(support_loss, start, Descent(learner.rate), steps, learner.order, functional=functional),
        strict=True,
    ):
        if weight:
            found = query_logits(weights)
            loss = loss + weight * cross_entropy(found, of_query)
    if not steps:
        found = query_logits(weights)
        loss = cross_entropy(found, of_query)
    kept = [*seen[:steps], seen[-1]] if record else []
    return loss, accuracy_of(found, of_query), torch.stack(kept) if kept else task.new_zeros(0)


def of_head(learner: InnerLoop, pixels: Tensor, shot: int) -> Losses:
    """Losses, with graph, and accuracies (T,) where the head alone is adapted: all tasks in one pass."""
    tasks, way, views = pixels.shape[:3]
    rows = pixels.flatten(0, 2).contiguous(memory_format=torch.channels_last)
    features = upcast(learner.encoder(rows).flatten(1)).view(tasks, way, views, -1)
    support, query = features[:, :, :shot].flatten(1, 2), features[:, :, shot:].flatten(1, 2)
    of_support, of_query = targets(features[0], shot), targets(features[0], views - shot)
    with torch.autocast(pixels.device.type, enabled=False), torch.enable_grad():
        if learner.settings.backend == "learn2learn":
            from metaclr.interop.learn2learn_loop import head_losses

            return head_losses(learner, support, query, of_support, of_query)
        start = {name: value.expand(tasks, *value.shape) for name, value in learner.adapted().items()}

        def losses(weights: Weights, rows: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
            logits = torch.baddbmm(weights["head.bias"].unsqueeze(1), rows, weights["head.weight"].mT)
            each = F.cross_entropy(logits.flatten(0, 1), target.repeat(tasks), reduction="none")
            return each.view(tasks, -1).mean(1), logits

        steps = learner.settings.inner_steps
        counted = step_weights(steps, learner.progress, learner.settings.multi_step)
        descent = inner_steps(
            lambda weights, _: losses(weights, support, of_support)[0].sum(),
            start,
            Descent(learner.rate),
            steps,
            learner.order,
        )
        total, weights = features.new_zeros(tasks), start
        for weight, weights in zip(counted, descent, strict=True):
            if weight:
                found, logits = losses(weights, query, of_query)
                total = total + weight * found
        if not steps:
            total, logits = losses(weights, query, of_query)
    correct = logits.detach().argmax(-1) == of_query
    return total, correct.float().mean(1)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over rows (B, N)."""
    return F.cross_entropy(logits, target)


def targets(task: Tensor, views: int) -> Tensor:
    """The class of each row of `views` views of every way of a task (N, ...): the index of its way."""
    return torch.arange(len(task), device=task.device).repeat_interleave(views)


def accuracy_of(logits: Tensor, target: Tensor) -> Tensor:
    """Accuracy, 0-d in 0..1."""
    return (logits.detach().argmax(1) == target).float().mean()
