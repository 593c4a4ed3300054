"""Which parameters are decayed and adapted, and the optimizer over them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from metaclr.engine.lars import LARS
from metaclr.engine.settings import TrainSettings

NORMS = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.LocalResponseNorm,
    nn.RMSNorm,
)


def groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two parameter groups: weights, and those that are neither decayed nor adapted (biases, norms, scalars).

    The second group has the parameters of normalization layers and all with at most one axis, whatever their names.
    Parameters that need no gradient are left out; a shared one is listed once.
    """
    plain = {id(p) for m in module.modules() if isinstance(m, NORMS) for p in m.parameters(recurse=False)}
    trained = [p for p in module.parameters() if p.requires_grad]
    free = [p for p in trained if p.ndim <= 1 or id(p) in plain]
    free_ids = {id(p) for p in free}
    weights = [p for p in trained if id(p) not in free_ids]
    both = [
        {"params": weights, "weight_decay": weight_decay, "adapt": True},
        {"params": free, "weight_decay": 0.0, "adapt": False},
    ]
    return [group for group in both if group["params"]]


def build_optimizer(module: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """The optimizer that `settings` names over the parameters of `module`, in torch's fused form where it has one.

    `adam` adds the decay to the gradient (L2), `adamw` decays the weight itself. A module without parameters
    gets an optimizer without groups to update.
    """
    split = groups(module, settings.weight_decay) or [{"params": [nn.Parameter(torch.zeros(()))]}]
    if settings.optimizer == "lars":
        return LARS(split, lr=settings.lr, momentum=settings.momentum)
    if settings.optimizer == "sgd":
        return torch.optim.SGD(split, lr=settings.lr, momentum=settings.momentum, fused=True)
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(split, lr=settings.lr, weight_decay=settings.weight_decay, fused=True)
