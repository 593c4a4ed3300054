"""Whole training set-ups against the authors': projector, predictor, momentum, temperature, task and views together.

The authors' rows are in `authors_of_views.py` and `authors_of_classes.py`. An aspect that a row names as different and
that does not differ fails too. A loss that is right to 1e-16 inside another network is another method, so the layers
are read off the modules that `compare` builds.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import metaclr
from episodes import ViewRecipe
from metaclr import methods
from metaclr.bridge.context import Context
from metaclr.bridge.settings import leaves
from metaclr.comparison.runs.run import Run
from metaclr.comparison.runs.training import build_learner, views_for
from metaclr.data import load
from metaclr.recipe import MethodEntry, resolve
from tests.metaclr.methods.author_rows import AUGMENTED, PLAIN, A, B, F, G, L, N, R
from tests.metaclr.methods.authors import SETUPS

TRAINED = [name for name in methods.names() if methods.get(name).trained]


def layers(network: nn.Module) -> tuple[str, ...]:
    """The layers of a perceptron, in words."""
    names = []
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            names.append(L if layer.bias is not None else B)
        elif isinstance(layer, nn.modules.batchnorm._NormBase):
            frozen = layer.affine and not layer.bias.requires_grad
            names.append((F if frozen else N) if layer.affine else A)
        elif isinstance(layer, nn.ReLU):
            names.append(R)
        elif isinstance(layer, nn.GELU):
            names.append(G)
    return tuple(names)


def run_of(name: str) -> tuple[Run, Any]:
    """A small run of the method, and its recipe with the views that the method declares."""
    sizes = ["encoder.options={width=8}", "encoder.projector_dim=16", "encoder.projector_hidden=24"]
    recipe = resolve({}, [*sizes, "size=28", "views_mode='per_method'"])
    return Run(MethodEntry(name=name), methods.get(name), "digits", 0), recipe


@cache
def learner(name: str) -> Any:
    """What `metaclr compare` trains for this method."""
    return build_learner(*run_of(name), load("digits", size=28))


@cache
def built(name: str) -> dict[str, Any]:
    """The aspects of a set-up as `metaclr compare` builds it."""
    method, module = methods.get(name), learner(name)
    views = views_for(*run_of(name))
    each = views if isinstance(views, list) else [views] * method.v
    kinds = tuple(PLAIN if view == ViewRecipe() else AUGMENTED for view in (each[0], each[-1]))
    predictor = next((one.predictor for one in module.modules() if hasattr(one, "predictor")), None)
    return {
        "projector": layers(module.projector) if method.learner is None else (),
        "predictor": () if predictor is None else layers(predictor),
        "narrowing": None if predictor is None else predictor[0].out_features / predictor[0].in_features,
        "momentum": None if method.momentum is None else (method.momentum, method.momentum_schedule),
        "task": (method.shot, method.query),
        "way": method.way,
        "views": kinds,
        "way_type": method.way_type,
        "labels": method.labels,
        "episode_head": method.episode_head,
        "task_transform": method.task_transform,
        "reconstruction": method.reconstruction,
    }


def setting(name: str, path: str) -> Any:
    """A setting of the objective by the end of its path."""
    method = methods.get(name)
    numbers = {**method.defaults, **leaves(method.clusters, "clusters.")} if method.clusters else method.defaults
    found = {v for key, v in numbers.items() if key == path or (key.endswith(f".{path}") and "clusters" not in key)}
    assert len(found) == 1, (name, path)
    return found.pop()


def test_every_trained_method_has_a_row() -> None:
    without = set(TRAINED) - set(SETUPS)
    assert set(SETUPS) <= set(TRAINED)
    # A method without authors, such as CONTRIBUTING's example, has a test file of its own.
    assert all((Path(__file__).parent / f"test_{name}.py").is_file() for name in without), without


@pytest.mark.parametrize("name", SETUPS)
def test_the_whole_set_up_is_the_authors_or_the_file_says_where_not(name: str) -> None:
    row = SETUPS[name]
    theirs = {**row.aspects, **row.settings}
    ours = {**built(name), **{path: setting(name, path) for path in row.settings}}
    different = {aspect for aspect, value in theirs.items() if ours[aspect] != value}
    assert different == set(row.differs) & set(theirs)


@pytest.mark.parametrize("name", SETUPS)
def test_every_known_difference_stands_in_the_file(name: str) -> None:
    text = (Path(methods.__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    docstring = " ".join(text.split('"""')[1].split())
    _, _, stated = docstring.partition("Differs from the authors")
    missing = [words for words in SETUPS[name].differs.values() if " ".join(words.split()) not in stated]
    assert not missing


def test_psco_sees_strong_queries_and_gentle_support() -> None:
    views = views_for(*run_of("psco"))
    assert isinstance(views, list)
    support, query = views
    assert isinstance(support, ViewRecipe)
    assert isinstance(query, ViewRecipe)
    assert (query.elastic, query.shear) > (support.elastic, support.shear)


def test_a_momentum_encoder_follows_its_schedule() -> None:
    """The engine's decay after one step of two: MoCo's stays, BYOL's is on its way to 1."""
    for name, expected in (("moco", 0.99), ("psco", 0.99), ("byol", 0.995), ("dino", 0.998)):
        built = learner(name)
        before = next(built.momentum_encoder.parameters()).clone()
        online = next(built.encoder.parameters())
        online.data.add_(1.0)
        built.after_step(1, 2)
        moved = (next(built.momentum_encoder.parameters()) - before) / (online.data - before)
        assert float(moved.median()) == pytest.approx(1 - expected, rel=1e-3), name


def test_sogclrs_gradient_is_the_authors_over_two_tau() -> None:
    """Theirs descends similarities that are not divided by tau, and adds the losses of the two views (first step, where
    u is g itself)."""
    images, tau = 6, 0.1
    z = torch.randn(
        1, images, 2, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True
    )
    objective = metaclr.objective("sogclr", dataset_size=images).double().train()
    (ours,) = torch.autograd.grad(objective(z, Context(images=torch.arange(images)[None])), z)
    first, second = nn.functional.normalize(z[0], dim=-1).unbind(1)
    theirs = torch.zeros(())
    for query, other in ((first, second), (second, first)):
        similar = torch.cat([query @ other.T, query @ query.T], 1)
        negative = ~torch.eye(images, dtype=torch.bool).repeat(1, 2)
        weights = (similar / tau).exp() * negative
        weights = (weights / weights.sum(1, keepdim=True)).detach()
        theirs = theirs + ((weights * similar).sum(1) - (query * other).sum(1)).mean()
    (expected,) = torch.autograd.grad(theirs, z)
    torch.testing.assert_close(ours * (2 * tau), expected)
