"""MAML, FOMAML, ANIL and Meta-SGD by learn2learn's algorithms, task by task. Arnold et al. 2020, arXiv:2008.12284."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge.logits.upcast import upcast
from metaclr.networks.untracked_norms import untracked_norms

if TYPE_CHECKING:
    from metaclr.meta.inner_loop import InnerLoop


def task_loss(learner: InnerLoop, support: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
    """Adapt encoder and head to support (N, K, C, H, W); loss and accuracy on query (N, Q, C, H, W), both 0-d."""
    with untracked_norms(learner.encoder):
        adapted = _start(learner, nn.Sequential(learner.encoder, learner.head), "encoder").clone()
        for _ in range(learner.settings.inner_steps):
            adapted.adapt(_cross_entropy(adapted, support)[0])
        return _cross_entropy(adapted, query)


def head_losses(
    learner: InnerLoop, support: Tensor, query: Tensor, of_support: Tensor, of_query: Tensor
) -> tuple[Tensor, Tensor]:
    """Adapt the head alone to features (T, N K, F); losses and accuracies (T,) on features (T, N Q, F)."""
    start, losses, accuracies = _start(learner, learner.head, ""), [], []
    for of_task, queries in zip(support, query, strict=True):
        adapted = start.clone()
        for _ in range(learner.settings.inner_steps):
            adapted.adapt(F.cross_entropy(adapted(of_task), of_support))
        logits = adapted(queries)
        losses.append(F.cross_entropy(logits, of_query))
        accuracies.append((logits.detach().argmax(1) == of_query).float().mean())
    return torch.stack(losses), torch.stack(accuracies)


def _start(learner: InnerLoop, module: nn.Module, inside: str) -> Any:
    """learn2learn's algorithm around a module; the rates of Meta-SGD are the learner's own."""
    from learn2learn.algorithms import MAML, MetaSGD

    settings = learner.settings
    if learner.rates is None:
        frozen = not all(p.requires_grad for p in module.parameters())
        return MAML(module, lr=settings.inner_lr, first_order=settings.first_order, allow_nograd=frozen)
    made = MetaSGD(module, lr=0.0, first_order=settings.first_order)
    made.lrs = nn.ParameterList([learner.rates(0, name) for name in learner.adapted()])
    return made


def _cross_entropy(learner: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Loss and accuracy on images (N, K, C, H, W), whose class is the index of their way."""
    way, each = images.shape[:2]
    target = torch.arange(way, device=images.device).repeat_interleave(each)
    logits = upcast(learner(images.flatten(0, 1)))
    return F.cross_entropy(logits, target), (logits.detach().argmax(1) == target).float().mean()
