"""Data-parallel training that computes what one process would: the global batch, its loss and its gradient.

Every rank embeds its share of the batch, gathers all embeddings, and computes the loss of the global batch. The
gradient of that loss with respect to a rank's own rows is exact on that rank, without communication. `gather`
multiplies it by the number of ranks, so that the mean over ranks of the parameter gradients is the gradient of one
process: for the encoder, whose rows differ by rank, and for the objective, whose gradient is the same on every rank.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from metaclr.environment import environment_int
from metaclr.errors import UserError


@dataclass(frozen=True)
class Ranks:
    """Rank of this process and number of ranks; a single process is rank 0 of 1."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is rank 0, which writes the files."""
        return self.rank == 0


def ranks() -> Ranks:
    """Rank and number of ranks in the running process group."""
    if dist.is_initialized():
        return Ranks(dist.get_rank(), dist.get_world_size())
    return Ranks()


def rank_device(device: torch.device) -> torch.device:
    """The GPU of this rank among those of its machine, where torchrun gives each rank one.

    Raises:
        UserError: there are more ranks than GPUs on this machine.
    """
    if str(device) == "cuda" and "LOCAL_RANK" in os.environ:
        local, gpus = environment_int("LOCAL_RANK", 0), torch.cuda.device_count()
        if local >= gpus:
            raise UserError(
                f"more ranks than the {gpus} GPUs of this machine: --nproc-per-node {gpus}, or --device cpu"
            )
        return torch.device("cuda", local)
    return device


def leave() -> None:
    """Leave the process group, if there is one."""
    if dist.is_initialized():
        dist.destroy_process_group()


def shared_axis(tasks: int, way: int, world: int) -> int:
    """Axis of a batch (T, N, ...) that is split over ranks: 0, tasks; or 1, ways, if there is a single task.

    Raises:
        UserError: its size is not a multiple of the number of ranks.
    """
    axis, name, size = (0, "tasks", tasks) if tasks > 1 else (1, "ways", way)
    if size % world:
        raise UserError(
            f"{size} {name} cannot be split evenly over {world} ranks; change batch_views or the number of ranks"
        )
    return axis


def gather(local: Tensor, axis: int) -> Tensor:
    """Concatenate all ranks' tensors in the global order: rank r has the items r, r + world, ... of `axis`.

    (T, N, ...) of one rank to (T world, N, ...) or (T, N world, ...). Differentiable for floating tensors.
    """
    if ranks().world == 1:
        return local
    gathered: Tensor = _Gather.apply(local, axis)
    return gathered


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, local: Tensor, axis: int) -> Tensor:
        ctx.axis = axis
        parts = [torch.empty_like(local, memory_format=torch.contiguous_format) for _ in range(ranks().world)]
        dist.all_gather(parts, local.contiguous())
        return torch.stack(parts, axis + 1).flatten(axis, axis + 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None]:
        rank_info = ranks()
        local = grads[0].movedim(ctx.axis, 0)[rank_info.rank :: rank_info.world].movedim(0, ctx.axis)
        return local * rank_info.world, None


def average_gradients(module: nn.Module) -> None:
    """Replace every gradient by its mean over ranks, in one message; a missing one counts as zero."""
    world = ranks().world
    if world == 1:
        return
    trained = [p for p in module.parameters() if p.requires_grad]
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
    flat = torch.cat([g.flatten() for g in grads])
    dist.all_reduce(flat)
    flat /= world
    for parameter, grad, part in zip(trained, grads, torch.split(flat, [g.numel() for g in grads]), strict=True):
        parameter.grad = grad.copy_(part.view(grad.shape))


def all_reduce_max(*flags: float, device: torch.device) -> tuple[float, ...]:
    """The largest value of each flag over all ranks, so that all of them stop or save at the same step."""
    if ranks().world == 1:
        return flags
    values = torch.tensor(flags, dtype=torch.float64, device=device)
    dist.all_reduce(values, op=dist.ReduceOp.MAX)
    return tuple(values.tolist())


def average(values: Tensor) -> Tensor:
    """Mean over ranks of a tensor of the same shape on every rank."""
    world = ranks().world
    if world == 1:
        return values
    total = values.clone()
    dist.all_reduce(total)
    return total / world


def same_start(module: nn.Module) -> None:
    """Give every rank the parameters and buffers of rank 0."""
    if ranks().world > 1:
        for value in module.state_dict().values():
            if isinstance(value, Tensor):
                dist.broadcast(value, 0)
