"""Encoders by name: sizes, seeds, options and what is refused."""

from __future__ import annotations

import builtins
from typing import Any

import pytest
import torch

from metaclr.errors import UserError
from metaclr.networks import build_encoder, encoder_names

CASES: list[tuple[str, int, int, dict[str, Any], int]] = [
    ("conv4", 1, 28, {}, 64),
    ("conv4", 3, 32, {"width": 16}, 64),
    ("conv4", 3, 84, {"width": 8}, 200),
    ("resnet12", 3, 32, {"width": 4}, 40),
    ("resnet12", 1, 28, {"width": 4, "drop": 0.1}, 40),
    ("resnet18", 3, 32, {}, 512),
    ("resnet18", 1, 64, {"stem": "imagenet"}, 512),
    ("resnet50", 3, 16, {"stem": "cifar"}, 2048),
    ("pixels", 3, 7, {}, 147),
]


@pytest.mark.parametrize(("name", "channels", "size", "options", "features"), CASES)
def test_maps_pixels_to_features(name: str, channels: int, size: int, options: dict[str, Any], features: int) -> None:
    encoder = build_encoder(name, channels, size, seed=0, **options)
    out = encoder(torch.rand(2, channels, size, size))
    assert out.shape == (2, features)
    assert encoder.features == features
    assert out.isfinite().all()


def weights(name: str, seed: int, **options: Any) -> list[torch.Tensor]:
    return [p.detach().clone() for p in build_encoder(name, 1, 32, seed=seed, **options).parameters()]


@pytest.mark.parametrize("name", ["conv4", "resnet12", "resnet18", "l2l:CNN4Backbone"])
def test_weights_are_a_function_of_the_seed(name: str) -> None:
    if name.startswith("l2l"):
        pytest.importorskip("learn2learn")
    before = torch.get_rng_state()
    first = weights(name, 5)
    assert torch.equal(torch.get_rng_state(), before)
    other = weights(name, 6)
    torch.rand(7)  # whatever else draws from the global generator
    again = weights(name, 5)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_resnet12_pools_before_its_activation_exactly() -> None:
    from metaclr.networks.resnet12 import SLOPE, ResidualBlock

    block = ResidualBlock(3, 5, 0.0).double()
    maps = torch.randn(4, 3, 9, 9, dtype=torch.float64)
    out = maps
    for layer in range(3):
        out = block.norms[layer](block.convs[layer](out))
        out = torch.nn.functional.leaky_relu(out, SLOPE) if layer < 2 else out
    textbook = torch.nn.functional.max_pool2d(torch.nn.functional.leaky_relu(out + block.shortcut(maps), SLOPE), 2)
    torch.testing.assert_close(block(maps), textbook)


def test_resnet18_is_torchvisions() -> None:
    from torchvision.models import resnet18

    ours = build_encoder("resnet18", 3, 64, seed=0, stem="imagenet").double().eval()
    theirs = resnet18(weights=None).double().eval()
    theirs.fc = torch.nn.Identity()
    theirs.load_state_dict(ours.net.state_dict())
    pixels = torch.rand(2, 3, 64, 64, dtype=torch.float64)
    torch.testing.assert_close(ours(pixels), theirs(pixels))


def test_stem_follows_the_size() -> None:
    assert build_encoder("resnet18", 3, 32, seed=0).net.conv1.kernel_size == (3, 3)
    assert build_encoder("resnet18", 3, 96, seed=0).net.conv1.kernel_size == (7, 7)


REFUSED: list[tuple[str, int, dict[str, Any], str]] = [
    ("conv5", 28, {}, "unknown encoder 'conv5'; did you mean 'conv4'"),
    ("conv4", 28, {"widht": 3}, "no option 'widht'; did you mean 'width'"),
    ("conv4", 28, {"stem": "cifar"}, "no option 'stem'; its options are: width"),
    ("conv4", 28, {"width": 0}, "width = 0: a whole number of at least 1"),
    ("conv4", 28, {"width": True}, "width = True"),
    ("conv4", 8, {}, "at least 16 x 16 pixels, not 8 x 8"),
    ("conv4", 0, {}, "image size = 0"),
    ("resnet12", 28, {"drop": 1.0}, "drop = 1.0"),
    ("resnet18", 28, {"stem": "cifr"}, "unknown stem 'cifr'; did you mean 'cifar'"),
    ("resnet18", 28, {"stem": "imagenet"}, "at least 32 x 32"),
    ("pixels", 28, {"width": 3}, "has no option 'width'; it has no options"),
]


@pytest.mark.parametrize(("name", "size", "options", "message"), REFUSED)
def test_refuses_in_one_line(name: str, size: int, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        build_encoder(name, 1, size, seed=0, **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "channels", "size", "options", "features"),
    [
        ("l2l:CNN4Backbone", 3, 32, {"hidden_size": 8}, 32),
        ("l2l:ConvBase", 1, 28, {"hidden": 8}, 32),
        ("l2l:ResNet12Backbone", 3, 84, {"wider": False}, 512),
        ("l2l:ResNet12Backbone", 3, 32, {"avg_pool": False, "wider": False, "dropblock_dropout": 0.0}, 2048),
    ],
)
def test_learn2learn_encoders(name: str, channels: int, size: int, options: dict[str, Any], features: int) -> None:
    pytest.importorskip("learn2learn")
    encoder = build_encoder(name, channels, size, seed=0, **options).eval()
    assert encoder(torch.rand(2, channels, size, size)).shape == (2, features)
    assert encoder.features == features


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("l2l:CNN4Backbon", {}, "did you mean 'l2l:CNN4Backbone'"),
        ("l2l:CNN4Backbone", {"width": 3}, "its options are: hidden_size, layers, max_pool"),
        ("l2l:WRN28Backbone", {}, "does not take images of 1 x 32 x 32"),
        ("l2l:ResNet12Backbone", {"wider": False}, "does not take images of 1 x 32 x 32"),
    ],
)
def test_learn2learn_encoders_refuse_in_one_line(name: str, options: dict[str, Any], message: str) -> None:
    pytest.importorskip("learn2learn")
    with pytest.raises(UserError) as error:
        build_encoder(name, 1, 32, seed=0, **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("library", "name", "how"),
    [
        ("timm", "timm:resnet10t", "pip install 'metaclr[timm]'"),
        ("learn2learn", "l2l:ConvBase", "uv pip install '.[l2l]' in a checkout"),
    ],
)
def test_missing_library_says_how_to_get_it(library: str, name: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(UserError) as error:
        build_encoder(name, 3, 32, seed=0)
    assert how in str(error.value)
    assert "\n" not in str(error.value)


def test_timm_model_by_name() -> None:
    pytest.importorskip("timm")
    encoder = build_encoder("timm:resnet10t", 1, 32, seed=0)
    assert encoder(torch.rand(2, 1, 32, 32)).shape == (2, encoder.features)
    transformer = build_encoder("timm:vit_tiny_patch16_224", 3, 32, seed=0)
    assert transformer(torch.rand(2, 3, 32, 32)).shape == (2, 192)
    with pytest.raises(UserError, match="did you mean"):
        build_encoder("timm:resnet10tt", 1, 32, seed=0)


def test_names_are_listed_without_heavy_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def guarded(name: str, *args: Any, **kwargs: Any) -> Any:
        assert name.split(".", maxsplit=1)[0] not in {"timm", "learn2learn", "torchvision"}
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", guarded)
    assert "conv4" in encoder_names()
    build_encoder("conv4", 1, 28, seed=0, width=2)
