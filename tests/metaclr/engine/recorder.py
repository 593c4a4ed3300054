"""A CUDA graph's manners on a CPU: operations are recorded with the tensors they were called with, and done again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten

REFUSED = {
    # What reads a number from the device, or brings one to it, and so waits: CUDA refuses it while recording.
    *(aten._local_scalar_dense, aten.is_nonzero, aten.equal, aten.item, aten.lift_fresh),
    *(aten.nonzero, aten.masked_select, aten._unique2, aten.unique_dim, aten.unique_consecutive, aten.bincount),
    aten._linalg_check_errors,
}


class Recorder(TorchDispatchMode):
    """Records while it is active. A replay reads and writes the very tensors of the recording, as a graph does."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], list[Tensor]]] = []
        self.known: set[int] = set()
        self.before: list[tuple[Tensor, Tensor]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        inputs = tensors((args, kwargs))
        by_mask = func.overloadpacket in (aten.index, aten.index_put_) and any(
            i.dtype == torch.bool for i in inputs[1:]
        )
        sized = func is aten.repeat_interleave.Tensor and kwargs.get("output_size") is None
        if func.overloadpacket in REFUSED or by_mask or sized:
            raise RuntimeError(f"operation not permitted when stream is capturing: {func}")
        for tensor in inputs:  # a graph would not run yet, so what this run changes is put back
            if place(tensor) not in self.known:
                self.known.add(place(tensor))
                self.before.append((tensor, tensor.detach().clone()))
        out = func(*args, **kwargs)
        self.known |= {place(tensor) for tensor in tensors(out)}
        self.calls.append((func, args, kwargs, tensors(out)))
        return out

    @torch.no_grad()
    def undo(self) -> None:
        for tensor, value in self.before:
            tensor.detach().copy_(value)

    @torch.no_grad()
    def replay(self) -> None:
        for func, args, kwargs, outs in self.calls:
            for old, new in zip(outs, tensors(func(*args, **kwargs)), strict=True):
                if place(old) != place(new):
                    old.copy_(new)


def tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def record(work: Callable[[], None]) -> Callable[[], None]:
    """`metaclr.engine.cuda_graph.graph_step.record` for a CPU."""
    recorder = Recorder()
    generator = torch.get_rng_state()
    try:
        with recorder:
            work()
    finally:
        recorder.undo()
        torch.set_rng_state(generator)
    return recorder.replay
