"""timm's models with their pretrained weights, by name or from the Hugging Face hub; settings from their own config."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from textwrap import shorten
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from torch import nn

from metaclr.errors import UserError, unknown
from metaclr.extras import need
from metaclr.networks.pretrained.encoder import ImageFormat, PretrainedEncoder
from metaclr.networks.seeded_init import seeded

_HOW_OFFLINE = "with the file at hand: metaclr evaluate FILE.safetensors --arch {arch}"


def timm_encoder(
    name: str, *, size: int | None = None, channels: int | None = None, weights: bool = True
) -> PretrainedEncoder:
    """timm's model `name` without its classifier, with its pretrained weights; timm downloads them once.

    Args:
        name: such as "resnet18" or "resnet18.a1_in1k".
        size, channels: None for those of the model's own config.
        weights: False for random ones, always the same, to compare with; size and normalization are the config's too.

    Raises:
        UserError: timm is missing, no such model, one without weights, or weights that cannot be fetched.
    """
    what = f"encoder 'timm:{name}'"
    timm = need("timm", what)
    if not timm.is_model(name):
        raise unknown("encoder", f"timm:{name}", [f"timm:{known}" for known in timm.list_models()])
    if not weights:
        with seeded(0, "encoder"):
            net = _create(timm, name, what, size, channels, pretrained=False)
        return PretrainedEncoder(
            net, _format(timm, net, size, channels), architecture=name, notes=("weights: random, of no training",)
        )
    if not timm.models.is_model_pretrained(name):
        raise UserError(f"{what}: timm has no weights for it; timm.list_models(pretrained=True) lists those it has")
    return _encoder(timm, name, what, f"timm:{name}", size, channels)


def hub_encoder(name: str, *, size: int | None = None, channels: int | None = None) -> PretrainedEncoder:
    """A timm model of the Hugging Face hub, OWNER/NAME, by its config.json and its weights.

    Raises:
        UserError: timm or huggingface_hub is missing, no such model, one of another library, or no internet.
    """
    what = f"encoder 'hub:{name}'"
    if name.count("/") != 1:
        raise UserError(f"{what}: name a model of the Hugging Face hub as hub:OWNER/NAME")
    timm = need("timm", what)
    need("huggingface_hub", what)
    return _encoder(timm, f"hf-hub:{name}", what, "timm:ARCHITECTURE", size, channels)


def timm_network(name: str, size: int | None, channels: int | None, what: str) -> tuple[nn.Module, ImageFormat]:
    """timm's model without weights and classifier, and the image format of its config, for a file of weights.

    Raises:
        UserError: timm is missing, or no such model.
    """
    timm = need("timm", what)
    if not timm.is_model(name):
        raise unknown("--arch", f"timm:{name}", [f"timm:{known}" for known in timm.list_models()])
    net = _create(timm, name, what, size, channels, pretrained=False)
    return net, _format(timm, net, size, channels)


def _encoder(timm: Any, name: str, what: str, arch: str, size: int | None, channels: int | None) -> PretrainedEncoder:
    try:
        with _without_internet() as is_offline:
            net = _create(timm, name, what, size, channels, pretrained=True)
    except UserError:
        raise
    except Exception as error:  # timm, the hub and the network raise anything
        reason = shorten(" ".join(str(error).split()), 160, placeholder=" ...") or type(error).__name__
        if is_offline and type(error).__module__.startswith("huggingface_hub"):
            reason = "no internet, and they are not in the hub's cache on this machine"
        raise UserError(
            f"{what}: its weights cannot be fetched ({reason}); {_HOW_OFFLINE.format(arch=arch)}"
        ) from error
    config = net.pretrained_cfg
    tag = config.get("tag") or ""
    architecture = config.get("architecture") or type(net).__name__
    notes = [f"weights: {architecture}{'.' + tag if tag else ''} of timm, without its classifier"]
    return PretrainedEncoder(net, _format(timm, net, size, channels), architecture=architecture, notes=notes)


@contextmanager
def _without_internet() -> Iterator[bool]:
    """Whether the hub's name cannot be resolved; in the block the hub then reads its cache alone.

    The hub itself would try for a minute. Behind a proxy names need not resolve, so nothing is concluded there.
    """
    try:
        constants: Any = import_module("huggingface_hub.constants")
    except ImportError:  # an old timm fetches without it
        yield False
        return
    earlier = constants.HF_HUB_OFFLINE
    is_offline = earlier or (not getproxies() and not _resolves(urlsplit(constants.ENDPOINT).hostname or ""))
    constants.HF_HUB_OFFLINE = is_offline
    try:
        yield is_offline
    finally:
        constants.HF_HUB_OFFLINE = earlier


def _resolves(host: str) -> bool:
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return False
    return True


def _create(timm: Any, name: str, what: str, size: int | None, channels: int | None, *, pretrained: bool) -> Any:
    options: dict[str, Any] = {}
    if channels is not None:
        options["in_chans"] = channels
    hub = name.startswith("hf-hub:")
    if size is not None and not hub and timm.get_pretrained_cfg_value(name, "fixed_input_size"):
        options["img_size"] = size  # transformers have a position embedding per patch
    try:
        return timm.create_model(name, pretrained=pretrained, num_classes=0, **options)
    except (TypeError, AssertionError) as error:
        raise UserError(f"{what} with {options}: {' '.join(str(error).split())}") from error


def _format(timm: Any, net: Any, size: int | None, channels: int | None) -> ImageFormat:
    config = timm.data.resolve_model_data_config(net)
    own_channels, height, _ = config["input_size"]
    mean, std = tuple(map(float, config["mean"])), tuple(map(float, config["std"]))
    return ImageFormat(size or int(height), channels or int(own_channels), mean, std)
