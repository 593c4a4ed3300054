"""Encoders by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import nn

from metaclr.errors import unknown
from metaclr.networks.options import check_names, integer, keyword_options
from metaclr.networks.seeded_init import seeded

# name -> "module:function" of a builder (channels, size, *, options); imported on use.
_BUILDERS = {
    "conv4": "conv4:conv4",
    "resnet12": "resnet12:resnet12",
    "resnet18": "resnet:resnet18",
    "resnet50": "resnet:resnet50",
    "pixels": "pixels:pixels",
}
# prefix -> "module:function" of a builder (inner name, channels, size, options).
_FAMILIES = {
    "timm": "timm_network:timm_network",
    "l2l": "l2l_network:l2l_network",
    "open_clip": "open_clip_network:open_clip_network",
}


def encoder_names() -> tuple[str, ...]:
    """Names for `build_encoder`; "timm:NAME" and its like stand for all models of a library."""
    return (*_BUILDERS, *(f"{family}:NAME" for family in _FAMILIES))


def build_encoder(name: str, channels: int, size: int, *, seed: int, **options: Any) -> nn.Module:
    """A new encoder: float pixels (B, C, H, W) in [0, 1] to features (B, F), with F as its attribute `features`.

    >>> build_encoder("conv4", 1, 28, seed=0, width=32).features
    32

    Args:
        name: one of `encoder_names()`.
        channels: C, 1 or 3.
        size: H = W.
        seed: initial weights are a pure function of it; the global random generator is unchanged.
        options: options of the network, such as `width=32` for conv4 or `stem="cifar"` for resnet18.

    Raises:
        UserError: an unknown name or option, a value that is not allowed, too small images, a missing library.
    """
    integer("channels", channels)
    integer("image size", size)
    family, colon, inner = name.partition(":")
    if colon and family in _FAMILIES:
        with seeded(seed, "encoder"):
            return _builder(_FAMILIES[family])(inner, channels, size, options)
    if name not in _BUILDERS:
        raise unknown("encoder", name, encoder_names())
    builder = _builder(_BUILDERS[name])
    check_names(name, options, keyword_options(builder))
    with seeded(seed, "encoder"):
        encoder = builder(channels, size, **options)
    # Convolutions and pooling are 1.2 to 10 times faster in this memory format, on CPU and GPU.
    return encoder.to(memory_format=torch.channels_last)


def _builder(where: str) -> Callable[..., nn.Module]:
    module, function = where.split(":")
    builder: Callable[..., nn.Module] = getattr(import_module(f"metaclr.networks.{module}"), function)
    return builder
