"""Several ranks that together compute what one process would: the global batch, its loss and its gradient.

Every rank embeds its share of the batch, gathers all embeddings, and computes the loss of the whole batch. The
gradient of that loss with respect to a rank's own rows is exact on that rank, without communication. `gather`
multiplies it by the number of ranks, so that the mean over ranks of the parameter gradients is the gradient of one
process: for the encoder, whose share of the rows differs by rank, and for the objective, whose gradient is the
same everywhere.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from metaclr.errors import UserError


@dataclass(frozen=True)
class Ranks:
    """This process among all of them; one process alone is rank 0 of 1."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0


def ranks() -> Ranks:
    """This process in the running group."""
    if dist.is_initialized():
        return Ranks(dist.get_rank(), dist.get_world_size())
    return Ranks()


def rank_device(device: torch.device) -> torch.device:
    """The GPU of this rank among those of its machine, where torchrun gives each rank one.

    Raises:
        UserError: there are more ranks than GPUs on this machine.
    """
    if str(device) == "cuda" and "LOCAL_RANK" in os.environ:
        mine, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if mine >= there:
            raise UserError(f"{there} GPUs on this machine, and more ranks: --nproc-per-node {there}, or --device cpu")
        return torch.device("cuda", mine)
    return device


def join(device: torch.device) -> Ranks:
    """Join the group that torchrun describes in the environment; alone where it describes none.

    NCCL for GPUs, gloo for CPUs. Joining twice is harmless.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return ranks()


def leave() -> None:
    """Leave the group, if there is one."""
    if dist.is_initialized():
        dist.destroy_process_group()


def shared_axis(tasks: int, way: int, world: int) -> int:
    """The axis of a batch (T, N, ...) that the sampler deals out to ranks: 0, tasks; or 1, ways, of a single task.

    Raises:
        UserError: it does not divide evenly.
    """
    axis, name, size = (0, "tasks", tasks) if tasks > 1 else (1, "ways", way)
    if size % world:
        raise UserError(f"{size} {name} cannot be dealt out evenly to {world} ranks")
    return axis


def gather(local: Tensor, axis: int) -> Tensor:
    """All ranks' tensors as one in the global order: rank r holds items r, r + world, ... of `axis`.

    (T, N, ...) of one rank to (T world, N, ...) or (T, N world, ...). With a gradient for floating tensors.
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
        mine = grads[0].movedim(ctx.axis, 0)[rank_info.rank :: rank_info.world].movedim(0, ctx.axis)
        return mine * rank_info.world, None


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
    """The mean over ranks of a tensor that every rank has."""
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
