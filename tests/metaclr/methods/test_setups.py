"""Whole training set-ups against the authors': projector, predictor, momentum, temperature, task and views together.

Each row holds what the named repository or paper has, not what this package has. Where the two differ, the row names
the aspect with words that must stand under "Differs from the authors" in the method's file; an aspect that is named
and does not differ fails too. A loss that is right to 1e-16 inside another network is another method, so the layers are
read off the modules that `compare` builds. Widths, optimizer and budget are the comparison's for all methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from episodes import ViewRecipe
from metaclr import methods
from metaclr.comparison.run import Run
from metaclr.comparison.training import build_learner, views_for
from metaclr.data import load
from metaclr.recipe import MethodEntry, resolve

L, B, A, R, N, F = "linear", "linear without bias", "norm without weight", "relu", "norm", "norm with frozen bias"
PLAIN, AUGMENTED = "plain", "augmented"
TRAINED = [name for name in methods.names() if methods.get(name).trained]

DEFAULTS: dict[str, Any] = {
    "projector": (B, N, R, L),
    "predictor": (),
    "momentum": None,
    "task": (1, 1),
    "views": (AUGMENTED, AUGMENTED),
    "way_type": "instances",
    "labels": "instance",
}
"""Aspects of a row unless it says otherwise: two augmented views of unlabeled images, SimCLR-like projector."""


class SetUp:
    """A row: the authors' aspects; settings of the objective by their path; and where this package differs."""

    def __init__(self, source: str, differs: Mapping[str, str] | None = None, **aspects: Any) -> None:
        self.source, self.differs = source, dict(differs or {})
        self.settings: dict[str, Any] = aspects.pop("settings", {})
        self.aspects = {**DEFAULTS, **aspects}


def of_classes(source: str, differs: Mapping[str, str] | None = None, **aspects: Any) -> SetUp:
    """A row of a few-shot method: labeled classes, images as they are, no projector."""
    given = {"way_type": "classes", "labels": "given", "views": (PLAIN, PLAIN), "projector": ()}
    return SetUp(source, differs, **{**given, **aspects})


MOCO = {"queue": "queue starts empty", "batch norm": "shuffled batch norm"}
CONTRASTIVE_BANK = {"projector": "theirs is linear", "negatives": "memory bank"}
SETUPS = {
    "simclr": SetUp(
        "google-research/simclr model_util.py, README (CIFAR-10)",
        {"projector": "no batch norm", "temperature": "theirs 0.5"},
        projector=(B, N, R, B, F),
        settings={"temperature": 0.5},
    ),
    "simclr_multiview": SetUp(
        "google-research/simclr model_util.py; two views",
        {"projector": "projector", "temperature": "temperature", "task": "two views"},
        projector=(B, N, R, B, F),
        settings={"temperature": 0.5},
    ),
    "infonce": SetUp("van den Oord et al. 2018; the project's symmetric form", {"source": "temperature"}),
    "clip": SetUp(
        "openai/CLIP model.py: a matrix, 1 / 0.07 at the start",
        {"projector": "has a bias"},
        projector=(B,),
        settings={"temperature": 0.07, "learn_temperature": True},
    ),
    "dcl": SetUp("lightly DCLLoss", {"source": "was not found"}, settings={"temperature": 0.1}),
    "dclw": SetUp("lightly DCLWLoss", {"source": "was not found"}, settings={"temperature": 0.1, "sigma": 0.5}),
    "debiased": SetUp(
        "chingyaoc/DCL model.py", {"widths": "widths"}, settings={"temperature": 0.5, "tau_plus": 0.1, "beta": 0.0}
    ),
    "hcl": SetUp(
        "joshr17/HCL image/main.py; model as chingyaoc/DCL",
        {"widths": "widths"},
        settings={"temperature": 0.5, "tau_plus": 0.1, "beta": 1.0},
    ),
    "hard_contrastive": SetUp(
        "Wang and Liu 2021, section 5", CONTRASTIVE_BANK, projector=(L,), settings={"temperature": 0.3, "share": 0.0819}
    ),
    "hard_contrastive_threshold": SetUp("this project", settings={"temperature": 0.3}),
    "simple_contrastive": SetUp("Wang and Liu 2021, section 5", CONTRASTIVE_BANK, projector=(L,)),
    "sogclr": SetUp(
        "Optimization-AI/SogCLR sogclr/builder.py",
        {"projector": "ends in a batch norm", "gradient": "times the temperature", "u": "the mean"},
        projector=(B, N, R, B, A),
        settings={"gamma": 0.9, "temperature": 0.1},
    ),
    "moco": SetUp(
        "facebookresearch/moco builder.py, mlp=True; CIFAR-10 demo for m and K",
        {**MOCO, "projector": "theirs the reverse"},
        projector=(L, R, L),
        momentum=(0.99, "constant"),
        settings={"temperature": 0.2, "size": 4096},
    ),
    "moco_v1": SetUp(
        "facebookresearch/moco builder.py, mlp=False; CIFAR-10 demo for m and K",
        MOCO,
        projector=(L,),
        momentum=(0.99, "constant"),
        settings={"temperature": 0.07, "size": 4096},
    ),
    "byol": SetUp(
        "Grill et al. 2020, section 3.3",
        {"statistics": "batch statistics", "widths": "widths"},
        projector=(B, N, R, B),
        predictor=(B, N, R, L),
        momentum=(0.99, "cosine"),
        settings={"weight": 2.0, "hidden": 4096},
    ),
    "simsiam": SetUp(
        "facebookresearch/simsiam builder.py: predictor of 512 among 2,048",
        {"widths": "widths", "batch norm": "one at a time"},
        projector=(B, N, R, B, N, R, B, A),
        predictor=(B, N, R, L),
        narrowing=0.25,
        settings={"target": "stop_gradient"},
    ),
    "psco": SetUp(
        "alinlab/PsCo models.py: get_mlp(..., last_bn=True), predictor without; Omniglot script",
        {"predictor": "has a bias", "negatives.size": "theirs 16,384", "statistics": "batch statistics"},
        projector=(B, N, R, B, A),
        predictor=(B, N, R, B),
        momentum=(0.99, "constant"),
        settings={"labels.shots": 1, "labels.epsilon": 0.05, "labels.iterations": 3, "negatives.size": 16384},
    ),
    "directclr": SetUp(
        "facebookresearch/directclr main.py: 360 of 2,048, no projector",
        {"optimizer": "LARS"},
        projector=(),
        settings={"temperature": 0.1, "first_share": 360 / 2048},
    ),
    "barlow_twins": SetUp(
        "facebookresearch/barlowtwins main.py",
        {"projector": "has a bias", "recipes": "theirs differ"},
        projector=(B, N, R, B, N, R, B),
        settings={"off_diagonal": 0.0051},
    ),
    "vicreg": SetUp(
        "facebookresearch/vicreg main_vicreg.py",
        {"projector": "which every term cancels"},
        projector=(L, N, R, L, N, R, B),
        settings={"invariance": 25.0, "variance": 25.0, "covariance": 1.0},
    ),
    "wmse": SetUp(
        "htdt/self-supervised model.py and cfg.py",
        {"projector": "theirs has none", "shrinkage": "shrunk by 0.001"},
        projector=(L, R, L),
        settings={"dims": 64, "batch": 128, "shrinkage": 0.0},
    ),
    "spectral": SetUp(
        "jhaochenz96/spectral_contrastive_learning cifar_resnet_1_mlp_norelu.py, spectral.py",
        {"projector": "not followed by batch norm"},
        projector=(L, N, R, L, N),
        settings={"radius": 1.0},
    ),
    "align_uniform": SetUp(
        "ssnl/align_uniform examples/stl10/encoder.py and main.py",
        {"projector": "theirs is the last, linear layer"},
        projector=(L,),
        settings={"alpha": 2.0, "t": 2.0, "align_weight": 1.0, "uniform_weight": 1.0},
    ),
    "supcon": SetUp(
        "HobbitLong/SupContrast networks/resnet_big.py",
        {"projector": "theirs the reverse", "factor": "tau / 0.07"},
        projector=(L, R, L),
        labels="given",
        settings={"temperature": 0.1},
    ),
    "supcon_in": SetUp(
        "Khosla et al. 2020; network as HobbitLong/SupContrast",
        {"projector": "projector"},
        projector=(L, R, L),
        labels="given",
        settings={"temperature": 0.1},
    ),
    "supcon_spread": SetUp("this project", labels="given"),
    "l_spread": SetUp(
        "HazyResearch/thanos-code contrastive_loss.py, type l_spread",
        {"norm": "unit norm", "clamp": "clamp", "autoencoder": "autoencoder"},
        labels="given",
        settings={"terms.0.1.temperature": 0.5, "terms.1.1.temperature": 0.5},
    ),
    "supervised": SetUp(
        "HobbitLong/SupContrast main_ce.py: a linear classifier", {"shift": "shifted"}, projector=(), labels="given"
    ),
    "protoclr": SetUp(
        "indy-lab/ProtoTransfer: one support view, three queries, 50 images",
        {"way": "theirs 50"},
        projector=(),
        task=(1, 3),
        way=50,
        views=(PLAIN, AUGMENTED),
        settings={"temperature": 1.0},
    ),
    "symmetric_protoclr": SetUp("this project", projector=()),
    "semi_normalized": SetUp(
        "hanlu-nju/revisiting-UML README: --num_tasks 256 --way 5 --shot 1 --query 5 --similarity sns",
        {"task": "theirs 5"},
        projector=(),
        task=(1, 5),
        settings={"tasks.tasks": 256, "tasks.way": 5, "temperature": 1.0},
    ),
    "umtra": SetUp(
        "Khodadadeh et al. 2019: 5 images, one augmented query of each",
        {"task": "1 query", "way": "theirs 5 ways"},
        projector=(),
        way=5,
        views=(PLAIN, AUGMENTED),
    ),
    "metacontrastive_protonet": SetUp(
        "RenkunNi/MetaContrastive", {"widths": "widths"}, projector=(B, N, R, B, F), settings={"temperature": 0.1}
    ),
    "metacontrastive_r2d2": SetUp(
        "RenkunNi/MetaContrastive: lambda 50 on embeddings over sqrt(0.1)",
        {"widths": "widths"},
        projector=(B, N, R, B, F),
        settings={"intercept": False, "regularizer": 5.0, "learn_temperature": False},
    ),
    "r2d2": SetUp(
        "bertinetto/r2d2 fewshots/models/r2d2.py, on views",
        {"embedding.unit": "unit norm", "bias": "bias"},
        settings={"intercept": True, "embedding.unit": False, "learn_temperature": True},
    ),
    "r2d2_classes": of_classes(
        "bertinetto/r2d2 fewshots/models/r2d2.py",
        {"embedding.unit": "unit norm", "bias": "bias"},
        task=(1, 3),
        settings={"intercept": True, "embedding.unit": False, "learn_temperature": True},
    ),
    "protonet": of_classes(
        "Snell et al. 2017, Omniglot: 60 ways, 5 queries",
        {"task": "theirs 5", "way": "theirs 60"},
        task=(1, 5),
        way=60,
        settings={"temperature": 1.0, "embedding.unit": False},
    ),
    "matching": of_classes(
        "Vinyals et al. 2016, without full-context embeddings",
        {"temperature": "theirs 1", "embeddings": "full-context"},
        task=(2, 2),
        settings={"temperature": 1.0},
    ),
    "relation": of_classes(
        "floodsung/LearningToCompare_FSL omniglot_train_one_shot.py",
        {"task": "19 queries", "way": "theirs 5 ways", "comparator": "convolutions"},
        task=(1, 19),
        way=5,
        settings={"temperature": 1.0, "hidden": 64},
    ),
    "metaoptnet": of_classes(
        "kjunelee/MetaOptNet train.py",
        {
            "task": "15 shots and 6 queries",
            "way": "of 5 ways",
            "temperature": "starts at 50",
            "embedding.unit": "unit norm",
            "views": "not augmented",
            "smoothing": "label smoothing",
        },
        task=(15, 6),
        way=5,
        views=(AUGMENTED, AUGMENTED),
        settings={"penalty": 0.1, "temperature": 1.0, "embedding.unit": False, "learn_temperature": True},
    ),
    "maml": of_classes(
        "cbfinn/maml README, 5-way 1-shot Omniglot: update_lr 0.4, num_updates 1",
        {"task": "1 query", "way": "theirs 5 ways"},
        way=5,
        settings={"inner_lr": 0.4, "inner_steps": 1, "first_order": False},
    ),
    "nca": of_classes(
        "Goldberger et al. 2004: a linear map, the whole training set",
        {"views": "theirs as they are", "batch": "theirs the whole set"},
        projector=(L,),
        task=(1, 3),
        settings={"temperature": 1.0, "embedding.unit": False},
    ),
    "npair": of_classes(
        "Sohn 2016: one pair of each class", {"norm": "penalty"}, projector=(L,), views=(AUGMENTED, AUGMENTED)
    ),
    "siamese": of_classes(
        "Hadsell et al. 2006",
        {"views": "theirs as they are", "weight": "equal total weight", "embedding.unit": "unit vectors"},
        projector=(L,),
        task=(1, 3),
        settings={"margin": 1.0, "embedding.unit": False},
    ),
    "triplet": of_classes(
        "Schroff et al. 2015: squared distances of unit vectors, margin 0.2",
        {"images": "theirs about 40"},
        projector=(L,),
        task=(1, 3),
        views=(AUGMENTED, AUGMENTED),
        settings={"squared": True, "margin": 0.2, "unit": True, "mining": "semi_hard"},
    ),
    "triplet_batch_hard": of_classes(
        "VisualComputingInstitute/triplet-reid: head fc1024, metric euclidean, margin soft, K = 4",
        {"widths": "widths", "classes": "classes"},
        projector=(B, N, R, L),
        task=(1, 3),
        views=(AUGMENTED, AUGMENTED),
        settings={"soft": True, "squared": False, "mining": "batch_hard", "unit": False},
    ),
}


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
    predictor = getattr(getattr(module, "objective", None), "predictor", None)
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
    }


def setting(name: str, path: str) -> Any:
    """A setting of the objective by the end of its path."""
    found = {v for key, v in methods.get(name).defaults.items() if key == path or key.endswith(f".{path}")}
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
    for name, expected in (("moco", 0.99), ("psco", 0.99), ("byol", 0.995)):
        built = learner(name)
        before = next(built.momentum_encoder.parameters()).clone()
        online = next(built.encoder.parameters())
        online.data.add_(1.0)
        built.after_step(1, 2)
        moved = (next(built.momentum_encoder.parameters()) - before) / (online.data - before)
        assert float(moved.median()) == pytest.approx(1 - expected, rel=1e-3), name
