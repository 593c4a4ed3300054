"""Fine-tuning on several label subsets at once: their encoders stacked, one step for all of them.

A step of a small network on a few images is, on a GPU, mostly the launching of kernels; S networks under vmap launch
as many as one. On a CPU the stack loses: its convolutions become grouped ones, at about half the speed.
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
from metaclr.engine.precision import autocast, dtype_for, weights_dtype
from metaclr.evaluation.features import device_of
from metaclr.evaluation.fine_tune import FineTune, Tuned, batches, linear_head, optimiser_of, shown
from metaclr.evaluation.linear import Probe

_SMALL = 1 << 20
"""Parameters of an encoder that cannot fill a GPU with one small batch. Not measured: no GPU was at hand."""


def should_stack(
    encoder: nn.Module, probes: Sequence[Probe], counts: Sequence[int], settings: FineTune, shape: Sequence[int]
) -> bool:
    """Whether these subsets, of `counts` images (C, H, W) = `shape`, are fine-tuned stacked: on a GPU, a small encoder.

    They must be alike in images and classes, and the encoder one that vmap can take.
    """
    alike = len({(count, *probe.weight.shape) for count, probe in zip(counts, probes, strict=True)}) == 1
    small = sum(p.numel() for p in encoder.parameters()) <= _SMALL
    return (
        device_of(encoder).type == "cuda"
        and len(probes) > 1
        and alike
        and small
        and can_stack(encoder, settings, shape)
    )


def can_stack(encoder: nn.Module, settings: FineTune, shape: Sequence[int]) -> bool:
    """Whether vmap takes the encoder for images (C, H, W) = `shape`: it has parameters, and two images of 0 go through.

    vmap refuses, with a RuntimeError or ValueError, random numbers (dropout with trained statistics), steps that
    depend on values, and functions with a backward of their own. On a CPU autocast does not reach convolutions inside
    vmap: a stack in bf16 would in truth be float32, and not what the loop gives. The type of the features tells.
    """
    if next(encoder.parameters(), None) is None:
        return False
    try:
        stack = _Stack(encoder, 2, settings)
        images = torch.zeros(2, 2, *shape, device=device_of(encoder))
        with torch.no_grad(), autocast(images.device, stack.computed):
            alone: Tensor = stack.network(images[0].to(weights_dtype(stack.computed)))
            return stack.embed(images).dtype == alone.dtype
    except (RuntimeError, ValueError, NotImplementedError):
        return False


def fine_tune_stacked(
    encoder: nn.Module,
    probes: Sequence[Probe],
    labelled: Sequence[ImageSet],
    labels: Sequence[Tensor],
    settings: FineTune,
    seeds: Sequence[int],
) -> list[Tuned]:
    """What `fine_tune` gives for each of S subsets, up to rounding: loss, gradient and Adam are separate in S.

    Args:
        probes, labelled, labels, seeds: one per subset, as for `fine_tune`; subsets alike in images and classes.
    """
    count, device = len(probes), labelled[0].images.device
    stack = _Stack(encoder, count, settings)
    weight = torch.stack([probe.weight for probe in probes]).requires_grad_(True)  # (S, F, N)
    bias = torch.stack([probe.bias for probe in probes]).unsqueeze(1).requires_grad_(True)  # (S, 1, N)
    optimizer, schedule = optimiser_of([*stack.parameters.values()], [weight, bias], settings)
    walks = [batches(len(y), settings, seed, device) for y, seed in zip(labels, seeds, strict=True)]
    for step, rows in enumerate(zip(*walks, strict=True)):
        each = zip(labelled, rows, seeds, strict=True)
        pixels = torch.stack([shown(few.images[row], row, settings, seed, step) for few, row, seed in each])
        wanted = torch.cat([y[row] for y, row in zip(labels, rows, strict=True)])
        logits = torch.baddbmm(bias, stack.embed(pixels).to(weight.dtype), weight)
        # The sum of S means: each subset's parameters get the gradient of their own mean.
        loss = F.cross_entropy(logits.flatten(0, 1), wanted) * count
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
        """(S, B, C, H, W) -> (S, B, F), each part by its own copy; running statistics move in training mode."""
        pixels = pixels.to(weights_dtype(self.computed))
        with autocast(pixels.device, self.computed):
            out: Tensor = vmap(self._one)(self.parameters, self.buffers, pixels)
        return out.flatten(2)

    def _one(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], pixels: Tensor) -> Tensor:
        out: Tensor = functional_call(self.network, (parameters, buffers), (pixels,))
        return out

    @torch.no_grad()
    def member(self, encoder: nn.Module, index: int) -> nn.Module:
        """Copy number `index` as a module of its own."""
        alone = deepcopy(encoder)
        stacked = {**self.parameters, **self.buffers}
        for name, tensor in chain(alone.named_parameters(), alone.named_buffers()):
            tensor.copy_(stacked[name][index])
        return alone.requires_grad_(False)
