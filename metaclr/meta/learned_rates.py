"""Learned rates of the inner steps: one for each parameter, or one for each layer and step."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

PARAMETER_RANGE = (0.005, 0.1)
"""Meta-SGD draws its rates uniformly from here before training (Li et al. 2017, arXiv:1707.09835, section 4)."""


class ParameterRates(nn.Module):
    """Meta-SGD: a rate for each entry of each parameter, the same in every step."""

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        super().__init__()
        low, high = PARAMETER_RANGE
        self.index = {name: i for i, name in enumerate(parameters)}
        drawn = [torch.empty_like(value).uniform_(low, high) for value in parameters.values()]
        self.values = nn.ParameterList(nn.Parameter(value) for value in drawn)

    def forward(self, step: int, name: str) -> Tensor:
        """The rates of a parameter, of its shape."""
        found: Tensor = self.values[self.index[name]]
        return found


class LayerStepRates(nn.Module):
    """MAML++: a rate for each parameter tensor and step; later steps, at test time, use that of the last."""

    def __init__(self, parameters: Mapping[str, Tensor], start: float, steps: int) -> None:
        super().__init__()
        self.index = {name: i for i, name in enumerate(parameters)}
        self.values = nn.Parameter(torch.full((len(parameters), max(steps, 1)), start))

    def forward(self, step: int, name: str) -> Tensor:
        """The rate, 0-d."""
        return self.values[self.index[name], min(step, self.values.shape[1] - 1)]
