"""The GPU path without a GPU: nothing that a step or an evaluator runs mixes in a CPU tensor or waits for the device.

See `fake_cuda.py`. What must read from the device, or differentiates inside its forward, is listed with the reason; an
entry that no longer does fails, so that the lists stay short.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)

from episodes import PRESETS, Episode, EpisodeSampler, ImageSet, augment
from metaclr import methods
from metaclr.bridge.logits.tiling import tiling
from metaclr.comparison.runs.run import Run
from metaclr.comparison.runs.training import build_learner, task_shape
from metaclr.engine.metric_buffer import MetricBuffer
from metaclr.engine.precision import autocast
from metaclr.errors import UserError
from metaclr.evaluation.evaluators.knn import knn_labels
from metaclr.evaluation.linear_probe import fit_probe
from metaclr.heads.registry import _HEADS, get_head
from metaclr.heads.source_statistics import SourceFeatures
from metaclr.networks import build_encoder
from metaclr.recipe import resolve

_spec = importlib.util.spec_from_file_location("fake_cuda", Path(__file__).with_name("fake_cuda.py"))
assert _spec is not None
assert _spec.loader is not None
fake_cuda = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fake_cuda)

SOURCE = ImageSet(
    torch.zeros(400, 1, 16, 16, dtype=torch.uint8),
    torch.arange(40).repeat_interleave(10),
    tuple(f"letter {i} of script {i % 4}" for i in range(40)),
    groups=tuple(f"script {i % 4}" for i in range(40)),
)
SMALL = {"options": {"width": 4}, "projector_hidden": 8, "projector_dim": 8}
TRAINED = [name for name in methods.names() if methods.get(name).trained]

READS = (DataDependentOutputException, DynamicOutputShapeException)
DRIVER = "hasPrimaryContext|gradients"
"""What torch, or learn2learn after it, raises where autograd runs without a CUDA driver."""

DIFFERENTIATES = {
    "maml": "the inner loop adapts by gradients",
    "fomaml": "the inner loop adapts by gradients",
    "anil": "the inner loop adapts by gradients",
    "metasgd": "the inner loop adapts by gradients",
    "imaml": "the inner loop adapts by gradients",
    "reptile": "the inner loop adapts by gradients",
    "umtra": "the inner loop adapts by gradients",
    "baseline": "fits a linear layer by SGD",
    "baseline++": "fits a linear layer by SGD",
    "prototune": "fits prototypes by SGD",
    "tim": "minimizes its objective by gradients",
}
READ_HEADS = {
    "logistic": "L-BFGS stops when converged",
    "calibrated": "the number of source classes is read from the labels",
    "pt_map": "the Sinkhorn iteration stops when converged",
}


def integers(*shape: int) -> Tensor:
    return torch.zeros(*shape, dtype=torch.int64, device="cuda")


def learner_of(name: str) -> tuple[Any, Any]:
    """The learner of a method as `compare` builds it, and the shape of its tasks."""
    views = 64
    while True:
        recipe = resolve(
            {"methods": [name], "size": 16, "channels": 1, "train": {"batch_views": views}, "encoder": SMALL}
        )
        run = Run(recipe.methods[0], methods.get(name), "source", 0)
        try:
            return build_learner(run, recipe, SOURCE), task_shape(run, recipe, SOURCE)
        except UserError as error:  # names the nearest multiple that the method takes
            number = re.search(r"batch_views=(\d+)", str(error))
            if number is None or int(number[1]) == views:
                raise
            views = int(number[1])


def step(name: str, dtype: torch.dtype = torch.float32) -> Tensor:
    """The forward of one training step on the GPU path, with the metrics buffered and the momentum encoder moved."""
    real, shape = learner_of(name)
    mode = FakeTensorMode()
    if dtype == torch.bfloat16:  # torch turns autocast off where there is no CUDA: networks that are in bf16 instead
        for network in (real.encoder, real.projector, real.momentum_encoder or real.encoder):
            network.bfloat16()
    learner = fake_cuda.fake_module(real.double() if dtype == torch.float64 else real, mode).train()
    device = torch.device("cuda")
    with mode:
        weights = dtype
        pixels = torch.rand(shape.tasks, shape.way, shape.views, 1, 16, 16, device=device, dtype=weights)
        tables = integers(*pixels.shape[:3]), integers(*pixels.shape[:3]), integers(*pixels.shape[:2])
        with autocast(device, torch.float64 if dtype == torch.float64 else torch.float32):
            loss, metrics = learner(pixels, Episode(*tables, shape.shot))
        MetricBuffer(4, device).add(loss, metrics)
        if hasattr(learner, "after_step"):
            learner.after_step(1, 10)
    assert all(value.device.type == "cuda" for value in (loss, *metrics.values()))
    return loss


@pytest.mark.parametrize("name", TRAINED)
def test_a_step_of_every_method(name: str) -> None:
    if name in DIFFERENTIATES:
        with pytest.raises((RuntimeError, UnboundLocalError), match=DRIVER):
            step(name)
    else:
        step(name)


@pytest.mark.parametrize("name", ["simclr", "moco", "protoclr", "supcon", "vicreg", "byol"])
def test_a_step_in_float64(name: str) -> None:
    """bf16 is not covered here: torch turns autocast off where there is no CUDA."""
    assert step(name, torch.float64).dtype == torch.float64


@pytest.mark.parametrize("name", ["simclr", "moco", "protoclr", "supcon", "vicreg", "byol"])
def test_the_loss_of_networks_in_bf16_is_in_float32(name: str) -> None:
    assert step(name, torch.bfloat16).dtype == torch.float32


@pytest.mark.parametrize("name", ["simclr", "moco", "dcl", "hcl", "protonet", "infonce", "supcon"])
def test_a_step_over_tiles(name: str) -> None:
    with tiling(5, 1024 if name == "moco" else 4, above=0):  # a queue of 4,096 in a few tiles
        step(name)


@pytest.mark.parametrize(
    ("name", "channels", "size", "options"),
    [
        ("conv4", 1, 28, {}),
        ("conv4", 3, 84, {"fast": False}),
        ("resnet12", 3, 84, {"drop": 0.1}),
        ("resnet18", 3, 32, {}),
        ("resnet50", 3, 96, {}),
        ("pixels", 1, 28, {}),
    ],
)
@pytest.mark.parametrize("train", [True, False])
def test_every_encoder(name: str, channels: int, size: int, options: dict[str, Any], train: bool) -> None:
    mode = FakeTensorMode()
    encoder = fake_cuda.fake_module(build_encoder(name, channels, size, seed=0, **options), mode).train(train)
    with mode, torch.no_grad():
        assert encoder(torch.rand(2, channels, size, size, device="cuda")).device.type == "cuda"


@pytest.mark.parametrize("name", _HEADS)
def test_every_head(name: str) -> None:
    def fit_and_predict() -> None:
        head = get_head(name)
        with FakeTensorMode(), torch.no_grad():
            source = SourceFeatures(torch.rand(60, 16, device="cuda"), integers(60))
            rows, classifier = head.prepare(torch.rand(100, 16, device="cuda"), source)
            logits = classifier.fit(rows[:50].view(2, 5, 5, 16)).logits(rows[50:].view(2, 25, 16))
            assert logits.device.type == "cuda"

    if name in READ_HEADS:
        with pytest.raises(READS):
            fit_and_predict()
    elif name in DIFFERENTIATES:
        with pytest.raises(RuntimeError, match=DRIVER):
            fit_and_predict()
    else:
        fit_and_predict()


@pytest.mark.parametrize("name", PRESETS)
def test_every_view_recipe(name: str) -> None:
    with FakeTensorMode():
        images = torch.zeros(8, 3, 32, 32, dtype=torch.uint8, device="cuda")
        views = augment(images, PRESETS[name], seed=0, step=0, ids=integers(8), views=integers(8))
        assert views.device.type == "cuda"
        assert views.shape == (8, 3, 32, 32)


def test_index_tables_move_to_the_device() -> None:
    _, shape = learner_of("simclr")
    episode = EpisodeSampler(SOURCE, shape, seed=0)(0)
    with FakeTensorMode(allow_non_fake_inputs=True):
        moved = episode.to(torch.device("cuda"))
        assert {t.device.type for t in (moved.images, moved.views, moved.labels)} == {"cuda"}


def test_knn_never_waits_and_a_probe_reads_the_number_of_classes() -> None:
    with FakeTensorMode():
        x, y = torch.rand(40, 16, device="cuda"), integers(40)
        assert knn_labels(x, y, x, classes=5, k=3, temperature=0.1).device.type == "cuda"
        with pytest.raises(READS):  # counts the classes before it fits, and L-BFGS stops when converged
            fit_probe(x, y, classes=5)


def test_a_mixed_device_and_a_read_are_found() -> None:
    """The method of this file itself: both mistakes that it looks for raise."""
    with FakeTensorMode():
        x = torch.rand(3, device="cuda")
        with pytest.raises(RuntimeError, match="same device"):
            x + torch.ones(3)
        with pytest.raises(READS):
            x.sum().item()
