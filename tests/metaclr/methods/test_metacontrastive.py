"""The central paper's heads as its authors coded them (RenkunNi/MetaContrastive), against the presets by name.

Read from their code, research 1.2 and 1.3: rows come view by view, are of unit norm, and are divided by sqrt(t).
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr import methods
from metaclr.networks import build_projector
from tests.parity.agreement import agree, draw

FLAGS = [0.1, 0.5]  # of their ImageNet and CIFAR-10 files; the presets are ImageNet's
SIZES = [(4, 2, 8), (24, 2, 16), (40, 2, 8)]


def view_by_view(z: Tensor) -> tuple[Tensor, Tensor]:
    """Support (first view) and query (second) rows of unit norm."""
    first, second = F.normalize(z[0].transpose(0, 1).flatten(0, 1), dim=-1).chunk(2)
    return first, second


def protonet_as_coded(z: Tensor, t: float) -> Tensor:
    support, query = (rows / t**0.5 for rows in view_by_view(z))
    ways = len(support)
    prototypes = support.reshape(1, ways, -1).mean(0)  # one shot is all that this reshape takes
    distances = torch.stack([(q - prototypes).square().sum(-1) for q in query])
    return F.cross_entropy(-distances, torch.arange(ways))


def r2d2_as_coded(z: Tensor, t: float, regularizer: float = 50.0) -> Tensor:
    """Ridge by Woodbury's identity, no scale and no bias; support and query in random orders."""
    support, query = (rows / t**0.5 for rows in view_by_view(z))
    ways = len(support)
    source = torch.Generator().manual_seed(5)
    s_order, q_order = torch.randperm(ways, generator=source), torch.randperm(ways, generator=source)
    support, one_hot = support[s_order], torch.eye(ways, dtype=z.dtype)[s_order]
    gram = support @ support.T + regularizer * torch.eye(ways, dtype=z.dtype)
    weights = support.T @ torch.linalg.inv(gram) @ one_hot
    return F.cross_entropy(query[q_order] @ weights, q_order)


def simclr_as_coded(z: Tensor, t: float) -> Tensor:
    rows = torch.cat(view_by_view(z))
    logits = (t * rows @ rows.T).masked_fill(torch.eye(len(rows), dtype=torch.bool), float("-inf"))
    return F.cross_entropy(logits, torch.arange(len(rows)).roll(len(rows) // 2))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("t", FLAGS)
def test_protonet(size: tuple[int, int, int], t: float) -> None:
    preset = methods.get("metacontrastive_protonet").objective.build(size[-1], temperature=t)
    agree(preset, lambda z: protonet_as_coded(z, t), draw(size))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("t", FLAGS)
def test_r2d2(size: tuple[int, int, int], t: float) -> None:
    """Their lambda of 50 on rows divided by sqrt(t) is 50 t on unit rows."""
    preset = methods.get("metacontrastive_r2d2").objective.build(size[-1], regularizer=50 * t)
    agree(preset, lambda z: r2d2_as_coded(z, t), draw(size))


@pytest.mark.parametrize("flag", [0.5, 2.0, 10.0])
def test_their_flag_multiplies_in_nt_xent(flag: float) -> None:
    """The README's 10 is a temperature of 0.1, and the CIFAR file's 0.5 one of 2."""
    agree(
        methods.get("simclr").objective.build(8, temperature=1 / flag),
        lambda z: simclr_as_coded(z, flag),
        draw((12, 2, 8)),
    )


def test_presets_are_the_authors_imagenet_settings() -> None:
    z = draw((24, 2, 16))
    for name, coded in (("protonet", protonet_as_coded), ("r2d2", r2d2_as_coded)):
        method = methods.get(f"metacontrastive_{name}")
        agree(method.objective.build(16), lambda z, coded=coded: coded(z, 0.1), z)
        assert (method.way_type, method.labels, method.shot, method.query) == ("instances", "instance", 1, 1)
        assert method.way is None  # one task of all images of the batch
        assert not list(method.objective.build(16).parameters())  # no scale and no bias to learn
    assert methods.diff("metacontrastive_protonet", "metacontrastive_r2d2") == [
        ("head", "Prototypes(squared_euclidean)", "Ridge(regularizer=5.0, intercept=False)"),
        ("temperature", "0.1", "1.0"),
    ]


def test_their_projector() -> None:
    """Linear(d, d), batch norm, ReLU, Linear(d, 128), batch norm; no linear bias, the last norm's bias frozen."""
    for name in ("metacontrastive_protonet", "metacontrastive_r2d2"):
        layers = build_projector(methods.get(name).projector, 512, dim=128).layers
        shapes = [tuple(one.shape) for one in layers.parameters() if one.requires_grad]
        assert shapes == [(512, 512), (512,), (512,), (128, 512), (128,)]


def test_without_a_scale_the_ridge_hardly_learns_where_lars_does_not_care() -> None:
    """The gradient at the presets' scale is small; LARS takes a step of the same length for any scale of the loss."""
    from metaclr.engine.lars import LARS

    steps = []
    for factor in (1.0, 1e-3):
        weight = torch.nn.Parameter(torch.eye(16, dtype=torch.float64))
        optimizer = LARS([weight], lr=1.0)
        (factor * r2d2_as_coded(draw((24, 2, 16)) @ weight, 0.1)).backward()
        optimizer.step()
        steps.append(weight.detach() - torch.eye(16))
    torch.testing.assert_close(*steps, rtol=1e-9, atol=1e-12)
    assert steps[0].abs().max() > 0
