"""Projectors: widths, seeds and what is refused."""

from __future__ import annotations

import pytest
import torch

from metaclr.errors import UserError
from metaclr.networks import build_projector, projector_names


@pytest.mark.parametrize("name", projector_names())
def test_widths(name: str) -> None:
    projector = build_projector(name, 12, hidden=20, dim=7, seed=0)
    dim = 12 if name == "none" else 7
    assert projector.features == dim
    assert projector(torch.rand(5, 12)).shape == (5, dim)


def test_none_is_the_identity() -> None:
    features = torch.rand(3, 4)
    assert torch.equal(build_projector("none", 4)(features), features)


@pytest.mark.parametrize(
    ("name", "norms", "linears"), [("linear", 0, 1), ("mlp", 1, 2), ("byol", 1, 2), ("mlp3", 2, 3)]
)
def test_layers(name: str, norms: int, linears: int) -> None:
    layers = list(build_projector(name, 8, hidden=16, dim=4).layers)
    assert sum(isinstance(layer, torch.nn.BatchNorm1d) for layer in layers) == norms
    assert sum(isinstance(layer, torch.nn.Linear) for layer in layers) == linears
    assert (layers[-1].bias is None) == (name == "byol")


def test_mlp_norm_ends_in_a_batch_norm_whose_bias_stays_zero() -> None:
    *inner, last = build_projector("mlp_norm", 8, hidden=16, dim=4).layers
    assert [type(layer).__name__ for layer in inner] == ["Linear", "BatchNorm1d", "ReLU", "Linear"]
    assert all(layer.bias is None for layer in inner if isinstance(layer, torch.nn.Linear))
    assert isinstance(last, torch.nn.BatchNorm1d)
    assert last.weight.requires_grad
    assert not last.bias.requires_grad
    assert last.bias.eq(0).all()


def test_weights_are_a_function_of_the_seed() -> None:
    before = torch.get_rng_state()
    first, again, other = (build_projector("mlp", 8, dim=4, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["layers.0.weight"], other["layers.0.weight"])


def test_defaults_to_the_width_of_the_features() -> None:
    assert build_projector("mlp", 9).features == 9


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mpl", {}, "did you mean 'mlp'"),
        ("mlp", {"hidden": 0}, "projector hidden = 0"),
        ("mlp", {"dim": 2.5}, "projector dim = 2.5"),
    ],
)
def test_refuses_in_one_line(name: str, options: dict[str, float], message: str) -> None:
    with pytest.raises(UserError) as error:
        build_projector(name, 4, **options)
    assert message in str(error.value)


@pytest.mark.parametrize(("name", "linears"), [("mlp_bn", 2), ("mlp3_bn", 3)])
def test_projectors_that_end_in_a_batch_norm_without_weight(name: str, linears: int) -> None:
    """alinlab/PsCo `get_mlp(..., last_bn=True)`; facebookresearch/simsiam `builder.py`."""
    layers = list(build_projector(name, 6, hidden=5, dim=4).layers)
    assert sum(isinstance(layer, torch.nn.Linear) for layer in layers) == linears
    assert isinstance(layers[-1], torch.nn.BatchNorm1d)
    assert not layers[-1].affine
    assert all(layer.bias is None for layer in layers if isinstance(layer, torch.nn.Linear))
