"""An encoder from a file of weights and the name of its network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from metaclr.errors import UserError
from metaclr.networks.pretrained.architectures import network_of
from metaclr.networks.pretrained.encoder import ImageFormat, PretrainedEncoder, normalization
from metaclr.networks.pretrained.matching import load_matching
from metaclr.networks.pretrained.weights_file import read_weights


def encoder_from_file(
    path: Path,
    arch: str,
    *,
    size: int | None = None,
    channels: int | None = None,
    prefix: str | None = None,
    normalize: str | None = None,
) -> PretrainedEncoder:
    """The network `arch` with the weights of a file, without its classifier.

    Size, channels and normalization are those given, else those of a config.json beside the file (as on the Hugging
    Face hub), else those of the network's own config.

    Args:
        arch: see `network_of`; "" for the architecture that config.json names.
        prefix: before the names of the network's weights in the file; None finds it.
        normalize: a name of `NORMALIZATIONS` or MEAN/STD.

    Raises:
        UserError: a file that cannot be read safely, an unknown network, or weights that do not fit it.
    """
    where = f"weights {path}"
    weights, entry = read_weights(path)
    config = _config(path)
    if not arch and "architecture" in config:
        arch = f"timm:{config['architecture']}"
    if not arch:
        raise UserError(f"{where}: name the network they are for, such as --arch resnet18 or --arch timm:resnet18")
    net, image_format, architecture = network_of(arch, weights, size=size, channels=channels)
    image_format = _configured(image_format, config, size)
    if normalize is not None:
        mean, std = normalization(normalize)
        image_format = replace(image_format, mean=mean, std=std)
    notes = load_matching(net, weights, where, prefix=prefix)
    source = f"weights: {path.name}{f', entry {entry!r}' if entry else ''}"
    return PretrainedEncoder(net, image_format, architecture=architecture, notes=(source, *notes))


def _config(path: Path) -> dict[str, Any]:
    """The config.json beside the file, as the Hugging Face hub has it; {} without one of that kind."""
    try:
        found = json.loads((path.parent / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("pretrained_cfg"), dict) else {}


def _configured(known: ImageFormat, config: dict[str, Any], size: int | None) -> ImageFormat:
    """`known` with size, mean and deviation of a config.json."""
    own = config.get("pretrained_cfg", {})
    try:
        pixels = int(own["input_size"][-1]) if "input_size" in own else known.size
        mean = tuple(map(float, own.get("mean", known.mean)))
        std = tuple(map(float, own.get("std", known.std)))
    except (TypeError, ValueError, LookupError):
        return known
    return replace(known, size=size or pixels, mean=mean, std=std)
