"""Which parameters are decayed, and that every optimizer moves them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from metaclr.engine import TrainSettings
from metaclr.engine.optimizers import build_optimizer, groups


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Linear(4, 4)
        self.bias_like_name = nn.Parameter(torch.ones(3, 3))  # a matrix is decayed, whatever it is called
        self.norm = nn.LayerNorm((4, 4))  # its parameters have two axes
        self.batch = nn.BatchNorm2d(4)
        self.temperature = nn.Parameter(torch.tensor(1.0))
        self.frozen = nn.Parameter(torch.ones(2, 2), requires_grad=False)


def test_biases_and_norms_by_kind_not_by_name() -> None:
    module = Scaled()
    decayed, free = groups(module, 0.1)
    ids = {id(p) for p in decayed["params"]}
    assert ids == {id(module.weight.weight), id(module.bias_like_name)}
    assert {id(p) for p in free["params"]} == {id(p) for p in module.parameters() if p.requires_grad} - ids
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    assert (decayed["adapt"], free["adapt"]) == (True, False)


def test_a_shared_parameter_stands_once() -> None:
    one = nn.Linear(3, 3)
    assert sum(len(g["params"]) for g in groups(nn.Sequential(one, one), 0.0)) == 2


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "lars"])
def test_decay_touches_weights_alone(name: str) -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    for parameter in module.parameters():
        nn.init.ones_(parameter)
        parameter.grad = torch.zeros_like(parameter)
    optimizer = build_optimizer(module, TrainSettings(optimizer=name, lr=0.1, weight_decay=0.1))  # type: ignore[arg-type]
    optimizer.step()
    assert (module[0].weight < 1).all()
    for free in (module[0].bias, module[1].weight, module[1].bias):
        assert torch.equal(free, torch.ones_like(free))


def test_nothing_to_train_is_no_error() -> None:
    build_optimizer(nn.Flatten(), TrainSettings()).step()
