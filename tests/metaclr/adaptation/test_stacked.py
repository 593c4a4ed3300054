"""Fine-tuning stacked on all label subsets equals fine-tuning on each."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from episodes import ViewRecipe, label_subset, train_test_split
from metaclr.adaptation.fine_tune import fine_tune
from metaclr.adaptation.stacked import can_stack, fine_tune_stacked, should_stack
from metaclr.errors import UserError
from metaclr.evaluation import FineTune, Measurement, Pixels, low_label_finetune
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
    heads = []
    for seed in range(3):
        draw = torch.Generator().manual_seed(seed)
        weight = 0.1 * torch.randn(width, 4, dtype=torch.float64, generator=draw)
        heads.append((weight, weight.new_zeros(4)))
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
    stacked = fine_tune_stacked(net, heads, few, labels, settings, [7, 8, 9])
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    for number in range(3):
        single, head = fine_tune(net, heads[number], few[number], labels[number], settings, seed=7 + number)
        same, other = stacked[number]
        assert same.training == single.training
        assert not any(p.requires_grad for p in same.parameters())
        for name, value in single.state_dict().items():
            torch.testing.assert_close(same.state_dict()[name], value, rtol=1e-9, atol=1e-9)
        rows = torch.randn(5, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(other(rows), head(rows), rtol=1e-9, atol=1e-9)
        moved = [not torch.equal(v, before[n]) for n, v in single.state_dict().items() if "running" in n]
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


def test_auto_stacks_small_encoders_and_equal_subsets_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    head, wide = ((torch.zeros(256, n), torch.zeros(n)) for n in (4, 5))
    encoder, settings, shape = small_encoder(), FineTune(), (1, 8, 8)
    assert not should_stack(encoder, [head, head], [20, 20], settings, shape)
    monkeypatch.setattr("metaclr.adaptation.stacked.device_of", lambda _: torch.device("cuda"))
    monkeypatch.setattr("metaclr.adaptation.stacked.can_stack", lambda net, *_: not isinstance(net, Pixels))
    assert should_stack(encoder, [head, head], [20, 20], settings, shape)
    assert not should_stack(encoder, [head], [20], settings, shape)
    assert not should_stack(encoder, [head, wide], [20, 20], settings, shape)
    assert not should_stack(encoder, [head, head], [20, 21], settings, shape)
    assert not should_stack(Pixels(), [head, head], [20, 20], settings, shape)
    assert not should_stack(nn.Linear(2000, 1000), [head, head], [20, 20], settings, shape)
    assert not should_stack(encoder, [head, head], [20, 20], FineTune(stacked="off"), shape)


def test_the_switch_overrides_the_rule() -> None:
    head, shape = (torch.zeros(256, 4), torch.zeros(4)), (1, 8, 8)
    on = FineTune(stacked="on", precision="fp32")
    assert should_stack(small_encoder(), [head, head], [20, 20], on, shape)  # on a CPU too
    assert not should_stack(small_encoder(), [head, head], [20, 21], on, shape)
    with pytest.raises(UserError, match="one of 'auto', 'on', 'off'"):
        FineTune(stacked="yes")  # type: ignore[arg-type]


def test_the_evaluation_is_the_same_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = train_test_split(blobs(6, 20), seed=0)
    subsets = [label_subset(train, seed, per_class=2) for seed in range(3)]

    def measured() -> Measurement:
        settings = FineTune(steps=5, lr=1e-3, precision="fp32")
        (found,) = low_label_finetune(small_encoder(), train, test, subsets, target="t", labels="k", settings=settings)
        return found

    loop = measured()
    monkeypatch.setattr("metaclr.evaluation.evaluators.low_label_finetune.should_stack", lambda *_: True)
    stacked = measured()
    assert loop.protocol == stacked.protocol
    assert loop.per_item is not None
    assert stacked.per_item is not None
    assert (loop.per_item != stacked.per_item).float().mean() < 0.05
