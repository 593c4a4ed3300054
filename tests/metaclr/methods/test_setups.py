"""Whole training set-ups against the authors': projector, predictor, momentum, temperature, task and views together.

Each row was written from the repository or paper it names, not from this package. Where a method differs, its file says
so under "Differs from the authors", and the row lists words that must stand there. A loss that is right to 1e-16 inside
another network is another method, so the layers are read off the modules that `compare` builds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from metaclr import methods
from metaclr.comparison.run import Run
from metaclr.comparison.training import build_learner
from metaclr.data import load
from metaclr.recipe import MethodEntry, resolve

L, B, A, R = "linear", "linear without bias", "norm without weight", "relu"
N = "norm"


@dataclass(frozen=True)
class SetUp:
    """What the authors build, where the numbers that a comparison fixes for all methods (widths) are left out."""

    source: str
    projector: tuple[str, ...] | None = None
    predictor: tuple[str, ...] = ()
    narrowing: float | None = None
    momentum: tuple[float, str] | None = None
    task: tuple[int, int] = (1, 1)
    settings: tuple[tuple[str, Any], ...] = ()
    differs: tuple[str, ...] = ()


MLP = (B, N, R, L)
SETUPS = {
    "simclr": SetUp("Chen et al. 2020, appendix B.9; google-research/simclr", settings=(("temperature", 0.2),)),
    "moco": SetUp(
        "facebookresearch/moco, CIFAR-10 demo",
        momentum=(0.99, "constant"),
        settings=(("temperature", 0.2), ("negatives.size", 4096)),
        differs=("queue starts empty", "shuffled batch norm", "hidden layer has batch norm"),
    ),
    "moco_v1": SetUp(
        "facebookresearch/moco",
        projector=(L,),
        momentum=(0.99, "constant"),
        settings=(("temperature", 0.07), ("negatives.size", 4096)),
        differs=("queue starts empty", "shuffled batch norm"),
    ),
    "byol": SetUp(
        "Grill et al. 2020, section 3.3",
        projector=(B, N, R, B),
        predictor=(B, N, R, L),
        momentum=(0.99, "cosine"),
        settings=(("weight", 2.0), ("hidden", 4096)),
        differs=("batch statistics", "widths"),
    ),
    "simsiam": SetUp(
        "facebookresearch/simsiam builder.py",
        projector=(B, N, R, B, N, R, B, A),
        predictor=(B, N, R, L),
        narrowing=0.25,
        settings=(("target", "stop_gradient"),),
        differs=("widths", "batch norm"),
    ),
    "psco": SetUp(
        "alinlab/PsCo models.py: get_mlp(..., last_bn=True), predictor without",
        projector=(B, N, R, B, A),
        predictor=(B, N, R, L),  # theirs ends without bias, stated
        momentum=(0.99, "constant"),
        settings=(("labels.shots", 1), ("labels.epsilon", 0.05), ("labels.iterations", 3)),
        differs=("queue", "bias", "batch statistics", "views"),
    ),
    "directclr": SetUp(
        "facebookresearch/directclr main.py: 360 of 2,048, no projector",
        projector=(),
        settings=(("temperature", 0.1), ("first_share", 360 / 2048)),
    ),
    "r2d2": SetUp("bertinetto/r2d2 models/r2d2.py", settings=(("intercept", True),), differs=("unit norm", "bias")),
    "r2d2_classes": SetUp(
        "bertinetto/r2d2 models/r2d2.py",
        projector=(),
        task=(1, 3),
        settings=(("intercept", True),),
        differs=("unit norm", "bias"),
    ),
    "metacontrastive_r2d2": SetUp(
        "RenkunNi/MetaContrastive", projector=(B, N, R, B, N), settings=(("intercept", False), ("regularizer", 5.0))
    ),
    "l_spread": SetUp(
        "HazyResearch/thanos-code contrastive_loss.py, type l_spread",
        settings=(("terms.0.1.temperature", 0.5), ("terms.1.1.temperature", 0.5)),
        differs=("unit norm", "clamp", "autoencoder"),
    ),
    "triplet_batch_hard": SetUp(
        "VisualComputingInstitute/triplet-reid: head fc1024, metric euclidean, margin soft, K = 4",
        task=(1, 3),
        settings=(("soft", True), ("squared", False), ("mining", "batch_hard"), ("unit", False)),
        differs=("widths", "classes"),
    ),
    "triplet": SetUp(
        "Schroff et al. 2015: squared distances of unit vectors, margin 0.2",
        projector=(L,),
        task=(1, 3),
        settings=(("squared", True), ("margin", 0.2), ("unit", True)),
    ),
    "sogclr": SetUp(
        "Optimization-AI/SogCLR builder.py",
        settings=(("gamma", 0.9), ("temperature", 0.1)),
        differs=("temperature", "mean", "batch norm"),
    ),
    "supcon": SetUp("HobbitLong/SupContrast", settings=(("temperature", 0.1),)),
    "barlow_twins": SetUp("facebookresearch/barlowtwins main.py"),
    "protonet": SetUp("Snell et al. 2017: no projector", projector=(), task=(1, 3), settings=(("temperature", 1.0),)),
    "protoclr": SetUp("indy-lab/ProtoTransfer: one support view, three queries", projector=(), task=(1, 3)),
}


def layers(network: nn.Module) -> tuple[str, ...]:
    """The layers of a perceptron, in words."""
    found = []
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            found.append(L if layer.bias is not None else B)
        elif isinstance(layer, nn.modules.batchnorm._NormBase):
            found.append(N if layer.affine else A)
        elif isinstance(layer, nn.ReLU):
            found.append(R)
    return tuple(found)


@cache
def learner(name: str) -> Any:
    """What `metaclr compare` trains for this method."""
    recipe = resolve({}, ["encoder.options={width=8}", "encoder.projector_dim=16", "encoder.projector_hidden=24"])
    run = Run(MethodEntry(name=name), methods.get(name), "digits", 0)
    return build_learner(run, recipe, load("digits", size=28))


@pytest.mark.parametrize("name", SETUPS)
def test_the_whole_set_up_is_the_authors(name: str) -> None:
    expected, built, method = SETUPS[name], learner(name), methods.get(name)
    if expected.projector is not None:
        assert layers(built.projector) == expected.projector
    assert (method.shot, method.query) == expected.task
    assert (None if method.momentum is None else (method.momentum, method.momentum_schedule)) == expected.momentum
    if expected.predictor:
        predictor = built.objective.predictor
        assert layers(predictor) == expected.predictor
        if expected.narrowing is not None:
            assert predictor[0].out_features == expected.narrowing * predictor[0].in_features
    for path, value in expected.settings:
        found = [v for key, v in method.defaults.items() if key == path or key.endswith(f".{path}")]
        assert found == [value], path


@pytest.mark.parametrize("name", SETUPS)
def test_every_known_difference_stands_in_the_file(name: str) -> None:
    text = (Path(methods.__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    docstring = " ".join(text.split('"""')[1].split())
    _, marker, stated = docstring.partition("Differs from the authors")
    assert bool(marker) or not SETUPS[name].differs
    missing = [words for words in SETUPS[name].differs if words not in stated]
    assert not missing


def test_a_momentum_encoder_follows_its_schedule() -> None:
    """The engine's decay after one step of two: MoCo's stays, BYOL's is on its way to 1."""
    for name, expected in (("moco", 0.99), ("psco", 0.99), ("byol", 0.995)):
        built = learner(name)
        before = next(built.momentum_encoder.parameters()).clone()
        online = next(built.encoder.parameters())
        online.data.add_(1.0)
        built.after_step(1, 2)
        moved = (next(built.momentum_encoder.parameters()) - before) / (online.data - before)
        assert float(moved.median()) == pytest.approx(1 - expected, rel=1e-3), name
