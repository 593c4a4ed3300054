"""Fine-tuning on all subsets at once is fine-tuning on each."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from episodes import ViewRecipe, label_subset, train_test_split
from metaclr.evaluation import FineTune, Measurement, Pixels, low_label_finetune
from metaclr.evaluation.fine_tune import fine_tune
from metaclr.evaluation.linear import Probe
from metaclr.evaluation.stacked import can_stack, fine_tune_stacked, should_stack
from metaclr.networks import build_encoder
from tests.metaclr.evaluation.evaluate_data import blobs, small_encoder


class Double(nn.Module):
    """An encoder in float64, for pixels that come in float32."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net.double()

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.net(images.double())
        return out


class Opaque(nn.Module):
    """An encoder whose steps depend on its values: vmap cannot take it."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        rows = images.flatten(1) * self.scale
        return rows if rows.sum() > -1 else -rows


def conv4(size: int) -> nn.Module:
    return build_encoder("conv4", 1, size, seed=0, width=8)


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize(("encoder", "size"), [(small_encoder(), 8), (conv4(16), 16)])
@pytest.mark.parametrize("views", [None, ViewRecipe(shift=0.1)])
def test_stacked_is_the_loop(encoder: nn.Module, size: int, frozen: bool, views: ViewRecipe | None) -> None:
    net = Double(encoder)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    images = blobs(4, 12, size=size)
    few = [images.select(label_subset(images, seed, per_class=5)) for seed in range(3)]
    labels = [part.required_labels() for part in few]
    width = net(torch.zeros(2, 1, size, size)).shape[1]
    net.load_state_dict(before)  # that call was in training mode
    probes = []
    for seed in range(3):
        draw = torch.Generator().manual_seed(seed)
        weight = 0.1 * torch.randn(width, 4, dtype=torch.float64, generator=draw)
        probes.append(Probe(weight, weight.new_zeros(4), 1.0, ""))
    settings = FineTune(
        steps=6,
        batch=8,
        lr=1e-3,
        head_lr=1e-2,
        weight_decay=1e-3,
        frozen_statistics=frozen,
        precision="fp32",
        views=views,
    )
    assert can_stack(net, settings, (1, size, size))
    stacked = fine_tune_stacked(net, probes, few, labels, settings, [7, 8, 9])
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    for number in range(3):
        alone, head = fine_tune(net, probes[number], few[number], labels[number], settings, seed=7 + number)
        same, other = stacked[number]
        assert same.training == alone.training
        assert not any(p.requires_grad for p in same.parameters())
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(same.state_dict()[name], value, rtol=1e-9, atol=1e-9)
        rows = torch.randn(5, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(other(rows), head(rows), rtol=1e-9, atol=1e-9)
        moved = [not torch.equal(v, before[n]) for n, v in alone.state_dict().items() if "running" in n]
        assert all(moved) != frozen


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # of vmap, in the mean over a map
def test_resnets_in_color_can_be_stacked_and_some_encoders_cannot() -> None:
    settings = FineTune(precision="fp32")
    assert can_stack(build_encoder("resnet18", 3, 32, seed=0), settings, (3, 32, 32))
    assert not can_stack(Opaque(), settings, (1, 8, 8))
    assert not can_stack(Pixels(), settings, (1, 8, 8))
    dropout = nn.Sequential(small_encoder(), nn.Dropout(0.5))
    assert can_stack(dropout, settings, (1, 8, 8))
    assert not can_stack(dropout, FineTune(frozen_statistics=False, precision="fp32"), (1, 8, 8))


def test_a_stack_that_autocast_does_not_reach_is_refused() -> None:
    """On a CPU, convolutions inside vmap stay in float32; the loop's do not."""
    assert can_stack(conv4(16), FineTune(precision="fp32"), (1, 16, 16))
    assert not can_stack(conv4(16), FineTune(precision="bf16"), (1, 16, 16))


def test_only_small_encoders_and_like_subsets_on_a_gpu_are_stacked(monkeypatch: pytest.MonkeyPatch) -> None:
    probe, wide = (Probe(torch.zeros(256, n), torch.zeros(n), 1.0, "") for n in (4, 5))
    encoder, settings, shape = small_encoder(), FineTune(), (1, 8, 8)
    assert not should_stack(encoder, [probe, probe], [20, 20], settings, shape)
    monkeypatch.setattr("metaclr.evaluation.stacked.device_of", lambda _: torch.device("cuda"))
    monkeypatch.setattr("metaclr.evaluation.stacked.can_stack", lambda net, *_: not isinstance(net, Pixels))
    assert should_stack(encoder, [probe, probe], [20, 20], settings, shape)
    assert not should_stack(encoder, [probe], [20], settings, shape)
    assert not should_stack(encoder, [probe, wide], [20, 20], settings, shape)
    assert not should_stack(encoder, [probe, probe], [20, 21], settings, shape)
    assert not should_stack(Pixels(), [probe, probe], [20, 20], settings, shape)
    assert not should_stack(nn.Linear(2000, 1000), [probe, probe], [20, 20], settings, shape)


def test_the_evaluation_is_the_same_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = train_test_split(blobs(6, 20), seed=0)
    subsets = [label_subset(train, seed, per_class=2) for seed in range(3)]

    def judged() -> Measurement:
        settings = FineTune(steps=5, lr=1e-3, precision="fp32")
        (found,) = low_label_finetune(small_encoder(), train, test, subsets, target="t", labels="k", settings=settings)
        return found

    loop = judged()
    monkeypatch.setattr("metaclr.evaluation.low_label.should_stack", lambda *_: True)
    stacked = judged()
    assert loop.protocol == stacked.protocol
    assert loop.per_item is not None
    assert stacked.per_item is not None
    assert (loop.per_item != stacked.per_item).float().mean() < 0.05
