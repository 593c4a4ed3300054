"""Load an encoder by its name on the command line: a function, a training's folder, timm, the hub, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.errors import UserError
from metaclr.files import is_file
from metaclr.networks.pretrained.weights_file import is_weights_file

if TYPE_CHECKING:
    from torch import nn

KINDS = (
    "FILE.py:FUNCTION, a folder of `metaclr train`, timm:NAME, hub:OWNER/NAME, open_clip:NAME/TAG, or a file of "
    "weights (--arch)"
)
_LIBRARIES = ("timm", "hub", "open_clip")


def is_from_library(name: str) -> bool:
    """Whether a name is that of a library's model: timm:NAME, hub:OWNER/NAME or open_clip:NAME/TAG."""
    family, _, inner = name.partition(":")
    return bool(inner) and family in _LIBRARIES


def pretrained(
    name: str,
    *,
    channels: int | None = None,
    size: int | None = None,
    arch: str = "",
    prefix: str | None = None,
    normalize: str | None = None,
) -> nn.Module:
    """An encoder with its weights, by name: float pixels (B, C, H, W) in [0, 1] to features (B, F).

    One with a format of its own has it as `size` and `channels`, and normalizes pixels itself.

    Args:
        name: FILE.py:FUNCTION, a folder of `metaclr train`, timm:NAME, hub:OWNER/NAME, open_clip:NAME/TAG (whose image
            tower it is), or a file of weights.
        channels: 1 or 3. size: pixels of either side. None for the encoder's own.
        arch, prefix, normalize: for files of weights, see `encoder_from_file`.

    Raises:
        UserError: no such file, function, folder or model; a function that returns no module; weights that do not fit.
    """
    if ".py:" in name:
        from metaclr.networks.from_function import network_from_function

        return network_from_function(name, f"encoder {name!r}")
    family, _, inner = name.partition(":")
    if inner and family in ("timm", "hub"):
        from metaclr.networks.pretrained.timm_weights import hub_encoder, timm_encoder

        build = timm_encoder if family == "timm" else hub_encoder
        return build(inner, size=size, channels=channels)
    if inner and family == "open_clip":
        from metaclr.networks.open_clip_network import open_clip_encoder

        return open_clip_encoder(inner, size=size, channels=channels)
    path = Path(name)
    if is_weights_file(name) and not _is_own(path):
        from metaclr.networks.pretrained.from_file import encoder_from_file

        return encoder_from_file(path, arch, size=size, channels=channels, prefix=prefix, normalize=normalize)
    return _trained(path.parent if is_weights_file(name) else path, channels, size)


def _is_own(path: Path) -> bool:
    """Whether a file is the `encoder.safetensors` of a training of metaclr's."""
    from metaclr.networks.saved_encoder import NAME, is_saved_encoder

    return path.name == NAME and is_saved_encoder(path)


def _trained(folder: Path, channels: int | None, size: int | None) -> nn.Module:
    from metaclr.networks.pretrained.encoder import ImageFormat, PretrainedEncoder
    from metaclr.networks.saved_encoder import NAME, load_encoder, open_encoder

    if not is_file(folder / NAME):
        raise UserError(f"encoder {str(folder)!r}: neither {KINDS}")
    _, own = open_encoder(folder / NAME)
    size, channels = size or own.size, channels or own.channels
    encoder = load_encoder(folder, channels=channels, size=size)
    return PretrainedEncoder(encoder, ImageFormat(size, channels), architecture=type(encoder).__name__)
