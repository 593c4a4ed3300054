"""`metaclr.load(RUN)`: a trained encoder, to embed and classify images; loading executes no code."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.errors import UserError

if TYPE_CHECKING:
    from metaclr.inference import TrainedEncoder


def load(run: str | PathLike[str], *, device: str = "cpu") -> TrainedEncoder:
    """The encoder of a run: a plain `nn.Module` that also embeds and classifies images as people have them.

    Args:
        run: the folder of `metaclr train`, the folder of one run of a comparison (`results/NAME/runs/RUN`), the
            `encoder.safetensors` in it, or a comparison's folder that holds one run only.
        device: "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        UserError: no encoder there (names the runs that have one), or a file that is damaged or not ours.
    """
    from metaclr.device import choose_device
    from metaclr.inference import TrainedEncoder
    from metaclr.networks.saved_encoder import open_encoder

    path = encoder_file(Path(run))
    at = choose_device(device)
    net, description = open_encoder(path)
    name = path.parent.name or str(path)
    return TrainedEncoder(net, name=name, channels=description.channels, size=description.size).to(at)


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
