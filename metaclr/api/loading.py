"""`metaclr.load(RUN)`: a trained encoder, to embed and classify images; loading executes no code."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from metaclr.data.options import Fit
    from metaclr.inference import TrainedEncoder


def load(
    run: str | PathLike[str],
    *,
    device: str = "cpu",
    fit: Fit = "crop",
    arch: str = "",
    prefix: str | None = None,
    normalize: str | None = None,
    size: int | None = None,
    channels: int | None = None,
) -> TrainedEncoder:
    """The encoder of a run: a plain `nn.Module` that also embeds and classifies images as people have them.

    Args:
        run: the folder of `metaclr train`, the folder of one run of a comparison (`results/NAME/runs/RUN`), the
            `encoder.safetensors` in it, a comparison's folder that holds one run only; or an encoder from elsewhere:
            timm:NAME, hub:OWNER/NAME or open_clip:NAME/TAG with their weights, or a file of weights with `arch`.
        device: "auto", "cpu", "cuda" or "cuda:N".
        fit: how oblong images become square: "crop", "pad" or "stretch".
        arch, prefix, normalize, size, channels: of encoders from elsewhere, see `metaclr.pretrained`.

    Raises:
        UserError: no encoder there (names the runs that have one), or a file that is damaged or not ours;
            FILE.py:FUNCTION, which would be run: `as_trained` takes its module.
    """
    from metaclr.api.encoders import is_from_library, pretrained
    from metaclr.device import choose_device
    from metaclr.inference import TrainedEncoder
    from metaclr.networks.pretrained.weights_file import is_weights_file
    from metaclr.networks.saved_encoder import is_saved_encoder, open_encoder

    name = str(run)
    if ".py:" in name:
        raise UserError(
            f"{name}: loading executes no code; use metaclr.api.loading.as_trained(module, size=, channels=)"
        )
    path = Path(run)
    if is_from_library(name) or (is_weights_file(name) and path.is_file() and not is_saved_encoder(path)):
        net = pretrained(name, size=size, channels=channels, arch=arch, prefix=prefix, normalize=normalize)
        return as_trained(net, name=name, fit=fit, device=device)
    path = encoder_file(path)
    at = choose_device(device)
    net, description = open_encoder(path)
    label = path.parent.name or str(path)
    return TrainedEncoder(net, name=label, channels=description.channels, size=description.size, fit=fit).to(at)


def as_trained(
    net: nn.Module,
    *,
    name: str = "encoder",
    size: int | None = None,
    channels: int | None = None,
    fit: Fit = "crop",
    device: str = "cpu",
) -> TrainedEncoder:
    """Any network from pixels (B, C, H, W) in [0, 1] to features (B, F), as `load` gives it.

    Args:
        size, channels: of its images; None for its attributes of these names, else 28 and 1.

    Raises:
        UserError: it does not take such images.
    """
    from metaclr.api.encoder_checks import checked_encoder
    from metaclr.device import choose_device
    from metaclr.inference import TrainedEncoder

    own = {key: value if isinstance(value := getattr(net, key, None), int) else None for key in ("size", "channels")}
    pixels, planes = size or own["size"] or 28, channels or own["channels"] or 1
    checked = checked_encoder(net, name, channels=planes, size=pixels)
    return TrainedEncoder(checked, name=name, channels=planes, size=pixels, fit=fit).to(choose_device(device))


def encoder_file(path: Path) -> Path:
    """The `encoder.safetensors` that a path refers to.

    Raises:
        UserError: there is none, or several; names up to five of them.
    """
    from metaclr.networks.saved_encoder import NAME

    try:
        if path.is_file():
            return path
        if (path / NAME).is_file():
            return path / NAME
        found = sorted(path.glob(f"runs/*/{NAME}"))
    except (OSError, ValueError) as error:  # a name that is too long, or holds NUL
        raise UserError(f"run {str(path)!r}: {error}") from None
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(str(one.parent) for one in found[:5]) + (", ..." if len(found) > 5 else "")
        raise UserError(f"run {str(path)!r}: a comparison of {len(found)} runs; name one of them: {some}")
    what = "no such folder or file" if not path.exists() else f"no {NAME} in it"
    raise UserError(f"run {str(path)!r}: {what}; name the folder of a `metaclr train`, or results/NAME/runs/RUN")
