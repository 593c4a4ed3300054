"""Fine-tuning on several label subsets at once: copies of the encoder stacked, one step for all of them.

On a GPU a step of a small network on a few images is mostly the launching of kernels, and S networks under vmap launch
as many as one. On a CPU the stack is slower: its convolutions become grouped ones, at about half the speed.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from itertools import chain

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from episodes import ImageSet
from metaclr.adaptation.fine_tune import (
    FineTune,
    FineTuned,
    LinearStart,
    batches,
    build_optimizer,
    linear_head,
    views_of,
)
from metaclr.device import device_of
from metaclr.engine.precision import autocast, dtype_for, weights_dtype

_MAX_PARAMETERS = 1 << 20
"""An encoder with fewer cannot fill a GPU with one small batch. Not measured: no GPU was at hand."""


def should_stack(
    encoder: nn.Module, heads: Sequence[LinearStart], counts: Sequence[int], settings: FineTune, shape: Sequence[int]
) -> bool:
    """Whether these subsets, of `counts` images (C, H, W) = `shape`, are tuned stacked; `settings.stacked` decides.

    "auto" stacks small encoders on a GPU. Under every setting the subsets must agree in images and classes, and vmap
    must take the encoder.
    """
    if settings.stacked == "off" or len(heads) < 2:
        return False
    if settings.stacked == "auto":
        small = sum(p.numel() for p in encoder.parameters()) <= _MAX_PARAMETERS
        if device_of(encoder).type != "cuda" or not small:
            return False
    same_shape = len({(count, *weight.shape) for count, (weight, _) in zip(counts, heads, strict=True)}) == 1
    return same_shape and can_stack(encoder, settings, shape)


def can_stack(encoder: nn.Module, settings: FineTune, shape: Sequence[int]) -> bool:
    """Whether vmap takes the encoder for images (C, H, W) = `shape`: it has parameters, and two zero images pass.

    vmap refuses, with a RuntimeError or ValueError, random numbers (dropout with trained statistics), steps that
    depend on values, and functions with a custom backward. On a CPU autocast does not reach convolutions inside vmap:
    a stack in bf16 would compute in float32, unlike the loop, which the dtype of the features reveals.
    """
    if next(encoder.parameters(), None) is None:
        return False
    try:
        stack = _Stack(encoder, 2, settings)
        images = torch.zeros(2, 2, *shape, device=device_of(encoder))
        with torch.no_grad(), autocast(images.device, stack.computed):
            single: Tensor = stack.network(images[0].to(weights_dtype(stack.computed)))
            return stack.embed(images).dtype == single.dtype
    except (RuntimeError, ValueError, NotImplementedError):
        return False


def fine_tune_stacked(
    encoder: nn.Module,
    heads: Sequence[LinearStart],
    labelled: Sequence[ImageSet],
    labels: Sequence[Tensor],
    settings: FineTune,
    seeds: Sequence[int],
) -> list[FineTuned]:
    """The results of `fine_tune` on each of S subsets, up to rounding: loss, gradient and Adam are separate in S.

    Args:
        heads, labelled, labels, seeds: one per subset, as for `fine_tune`; all subsets with as many images and classes.
    """
    count, device = len(heads), labelled[0].images.device
    stack = _Stack(encoder, count, settings)
    weight = torch.stack([start[0] for start in heads]).requires_grad_(True)  # (S, F, N)
    bias = torch.stack([start[1] for start in heads]).unsqueeze(1).requires_grad_(True)  # (S, 1, N)
    optimizer, schedule = build_optimizer([*stack.parameters.values()], [weight, bias], settings)
    orders = [batches(len(y), settings, seed, device) for y, seed in zip(labels, seeds, strict=True)]
    for step, rows in enumerate(zip(*orders, strict=True)):
        each = zip(labelled, rows, seeds, strict=True)
        pixels = torch.stack([views_of(few.images[row], row, settings, seed, step) for few, row, seed in each])
        classes = torch.cat([y[row] for y, row in zip(labels, rows, strict=True)])
        logits = torch.baddbmm(bias, stack.embed(pixels).to(weight.dtype), weight)
        # The sum of S means: the parameters of each subset get the gradient of their own mean.
        loss = F.cross_entropy(logits.flatten(0, 1), classes) * count
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return [(stack.member(encoder, i), linear_head(weight[i].detach(), bias[i, 0].detach())) for i in range(count)]


class _Stack:
    """S copies of an encoder as one function of stacked parameters (S, ...) and buffers (S, ...)."""

    def __init__(self, encoder: nn.Module, count: int, settings: FineTune) -> None:
        copies = [deepcopy(encoder).requires_grad_(True).train(not settings.frozen_statistics) for _ in range(count)]
        self.parameters, self.buffers = stack_module_state(copies)
        self.network = copies[0]
        self.computed = dtype_for(encoder, settings.precision, device_of(encoder))

    def embed(self, pixels: Tensor) -> Tensor:
        """(S, B, C, H, W) -> (S, B, F), each part by its own copy; in training mode running statistics are updated."""
        pixels = pixels.to(weights_dtype(self.computed))
        with autocast(pixels.device, self.computed):
            out: Tensor = vmap(self._forward)(self.parameters, self.buffers, pixels)
        return out.flatten(2)

    def _forward(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], pixels: Tensor) -> Tensor:
        out: Tensor = functional_call(self.network, (parameters, buffers), (pixels,))
        return out

    @torch.no_grad()
    def member(self, encoder: nn.Module, index: int) -> nn.Module:
        """Copy number `index` as a separate module."""
        single = deepcopy(encoder)
        stacked = {**self.parameters, **self.buffers}
        for name, tensor in chain(single.named_parameters(), single.named_buffers()):
            tensor.copy_(stacked[name][index])
        return single.requires_grad_(False)
