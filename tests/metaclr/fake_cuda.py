"""CUDA tensors without a GPU: shapes, dtypes and devices as on one, no values.

PyTorch's fake tensors raise where a CPU tensor is mixed in, and where the host reads a value (`.item()`, a shape that
depends on data), which on a GPU would wait for the device. Backward needs a driver, so the tests run forward only.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

DEVICE = torch.device("cuda", 0)


def fake(value: Tensor, mode: FakeTensorMode) -> Tensor:
    """A tensor with the shape, dtype and strides of `value` on a CUDA device."""
    return FakeTensor(mode, value.detach().to("meta"), DEVICE)


def fake_module(module: nn.Module, mode: FakeTensorMode) -> nn.Module:
    """A copy of the module whose parameters and buffers are on a CUDA device; other tensors stay where they are."""
    module = deepcopy(module)
    for child in module.modules():
        for name, parameter in child._parameters.items():
            if parameter is not None:
                child._parameters[name] = nn.Parameter(fake(parameter, mode), parameter.requires_grad)
        for name, buffer in child._buffers.items():
            if buffer is not None:
                child._buffers[name] = fake(buffer, mode)
    return module
