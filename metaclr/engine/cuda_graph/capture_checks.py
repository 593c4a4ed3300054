"""What a training step must not change for a CUDA graph of it to stay valid."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from episodes import Episode


def tracked(episode: Episode) -> StepAccessTracker:
    """A copy of the episode that records whether its `step` is read."""
    return StepAccessTracker(**{field.name: getattr(episode, field.name) for field in fields(Episode)})


@dataclass(frozen=True, eq=False)
class StepAccessTracker(Episode):
    """An episode that records whether its `step` is read."""

    def __getattribute__(self, name: str) -> Any:
        if name == "step":
            super().__getattribute__("__dict__")["step_read"] = True
        return super().__getattribute__(name)

    @property
    def step_was_read(self) -> bool:
        """Whether `step` has been read."""
        return "step_read" in self.__dict__


class CapturedState:
    """What a step must not change: which tensors hold the state, their addresses, and the modules' Python values."""

    def __init__(self, learner: nn.Module, optimizer: Optimizer) -> None:
        self.tensors: dict[str, Tensor] = dict((*learner.named_parameters(), *learner.named_buffers()))
        for number, state in enumerate(optimizer.state.values()):
            self.tensors |= {f"optimizer.{number}.{key}": v for key, v in state.items() if isinstance(v, Tensor)}
        self.values = {name: repr(tensor.data_ptr()) for name, tensor in self.tensors.items()}
        for path, module in learner.named_modules():
            self.values |= {f"{path}.{key}".lstrip("."): repr(v) for key, v in vars(module).items() if _is_plain(v)}

    def changed_since(self, before: CapturedState) -> list[str]:
        """Names of tensors that were replaced and of values that differ."""
        replaced = [name for name, tensor in self.tensors.items() if before.tensors.get(name) is not tensor]
        return replaced + [name for name, value in self.values.items() if before.values.get(name) != value]


def _is_plain(value: object) -> bool:
    """Whether a value consists of numbers and strings."""
    if isinstance(value, (tuple, list, set)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, (*value.keys(), *value.values())))
    return value is None or isinstance(value, (bool, int, float, complex, str))
