"""The network that a file of weights is for, by the name after `--arch`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from metaclr.errors import UserError, unknown
from metaclr.networks.encoders import build_encoder, encoder_names
from metaclr.networks.from_function import network_from_function
from metaclr.networks.pretrained.encoder import IMAGENET, ImageFormat
from metaclr.networks.pretrained.timm_weights import timm_network

_CLASSIFIERS = ("fc", "classifier", "head", "heads")
"""Attributes that hold the classifier of torchvision's models."""

_SIZES = {"conv4": 84, "resnet12": 84}
_SMALL, _LARGE = 32, 224  # default pixels of ResNets with the stem for small and for large images


def network_of(
    arch: str, weights: Mapping[str, Tensor], *, size: int | None, channels: int | None
) -> tuple[nn.Module, ImageFormat, str]:
    """The network without weights, the images that it takes, and its name for tables.

    Args:
        arch: a name of `encoder_names()`, timm:NAME, torchvision:NAME, FILE.py:FUNCTION or MODULE:FUNCTION (a function
            without arguments that returns the network).
        weights: the stored tensors; the first convolution's shape says channels and stem.
        size, channels: None for those of the network's own config, or of the stored first convolution.

    Raises:
        UserError: no such network, or one that cannot be built.
    """
    what = f"--arch {arch!r}"
    kernel = next((tuple(value.shape) for value in weights.values() if value.ndim == 4), ())
    stored_channels = kernel[1] if kernel and kernel[1] in (1, 3) else 3
    family, _, inner = arch.partition(":")
    if family == "timm":
        gray = 1 if stored_channels == 1 else None
        net, image_format = timm_network(inner, size, channels or gray, what)
        return net, image_format, inner
    if family == "torchvision":
        return _torchvision(inner, size, channels or stored_channels, what)
    if inner:
        net = network_from_function(arch, what)
        return net, ImageFormat(size or _LARGE, channels or stored_channels), inner
    return _own(arch, kernel, size, channels or stored_channels)


def _own(arch: str, kernel: tuple[int, ...], size: int | None, channels: int) -> tuple[nn.Module, ImageFormat, str]:
    """A network of `build_encoder`; a ResNet's stem by the shape of the stored first convolution."""
    known = [name for name in encoder_names() if ":" not in name and name != "pixels"]
    if arch not in known:
        raise unknown("--arch", arch, [*known, "timm:NAME", "torchvision:NAME", "FILE.py:FUNCTION", "MODULE:FUNCTION"])
    options: dict[str, Any] = {}
    pixels = size or _SIZES.get(arch, 0)
    mean, std = IMAGENET if channels == 3 else ((0.0,), (1.0,))
    if arch in ("resnet18", "resnet50"):
        small = kernel[2:] == (3, 3)
        options["stem"] = "cifar" if small else "imagenet"
        pixels = pixels or (_SMALL if small else _LARGE)
        mean, std = ((0.0,), (1.0,)) if small else (mean, std)
    elif arch == "conv4" and kernel:
        options["width"] = kernel[0]
        mean, std = (0.0,), (1.0,)
    encoder = build_encoder(arch, channels, pixels, seed=0, **options)
    inner = getattr(encoder, "net", None)  # names in files are those of the network without our wrapper
    net = inner if isinstance(inner, nn.Module) else encoder
    return net, ImageFormat(pixels, channels, mean, std), arch


def _torchvision(name: str, size: int | None, channels: int, what: str) -> tuple[nn.Module, ImageFormat, str]:
    from torchvision.models import get_model, get_model_weights, list_models

    if name not in list_models():
        raise unknown("--arch", f"torchvision:{name}", [f"torchvision:{known}" for known in list_models()])
    net = get_model(name, weights=None)
    for part in _CLASSIFIERS:
        if hasattr(net, part):
            setattr(net, part, nn.Identity())
            break
    else:
        raise UserError(f"{what}: {type(net).__name__} has none of {', '.join(_CLASSIFIERS)} to remove")
    default = getattr(get_model_weights(name), "DEFAULT", None)
    config = default.transforms() if default is not None else None
    own = int(config.crop_size[0]) if config is not None and hasattr(config, "crop_size") else _LARGE
    mean, std = (tuple(config.mean), tuple(config.std)) if config is not None else IMAGENET
    return net, ImageFormat(size or own, channels, mean, std), name
