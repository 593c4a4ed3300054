"""open_clip's models by name, "open_clip:NAME" or "open_clip:NAME/WEIGHTS": image towers as encoders."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn

from metaclr.errors import UserError, unknown
from metaclr.extras import need
from metaclr.networks.external import as_encoder
from metaclr.networks.options import check_names
from metaclr.networks.pretrained.encoder import ImageFormat, PretrainedEncoder

PREFIX = "open_clip:"
_HINT = "open_clip.list_pretrained() lists names and tags"


def open_clip_network(inner: str, channels: int, size: int, options: Mapping[str, Any]) -> nn.Module:
    """The image tower of open_clip's model `inner`, for images of `size` pixels; F is the dimension of its embeddings.

    With WEIGHTS (a tag of open_clip's, which it downloads once, or a file) it starts from these: they were trained on
    normalized pixels. Without, it has random weights.

    Raises:
        UserError: open_clip is missing, an unknown model, weights that cannot be read, or gray images.
    """
    name = f"{PREFIX}{inner}"
    check_names(name, options, ())
    if channels != 3:
        raise UserError(f"encoder {name!r} takes color images: set channels=3")
    return as_encoder(clip_model(inner, size).visual, name, channels, size, fast_layout=False)


def open_clip_encoder(inner: str, *, size: int | None = None, channels: int | None = None) -> PretrainedEncoder:
    """The image tower with trained weights, normalized as its config says.

    Raises:
        UserError: as `open_clip_network`; or a name without weights.
    """
    name = f"{PREFIX}{inner}"
    if "/" not in inner:
        raise UserError(f"encoder {name!r}: name its weights, {name}/TAG or {name}/FILE; {_HINT}")
    if channels not in (None, 3):
        raise UserError(f"encoder {name!r} takes color images: set channels=3")
    model = clip_model(inner, size)
    config = need("open_clip", f"encoder {name!r}").get_model_preprocess_cfg(model)
    side = config["size"][0] if isinstance(config["size"], (tuple, list)) else config["size"]
    mean, std = tuple(map(float, config["mean"])), tuple(map(float, config["std"]))
    notes = [f"weights: {inner.partition('/')[2]} of open_clip's {inner.partition('/')[0]}"]
    image_format = ImageFormat(size or int(side), 3, mean, std)
    found = PretrainedEncoder(model.visual, image_format, architecture=name, notes=notes)
    found.paired_text = name  # the text encoder in the same space, for zero-shot classification and retrieval
    return found


def clip_model(inner: str, size: int | None = None) -> Any:
    """open_clip's model NAME, or NAME/WEIGHTS, on the CPU; its random weights follow the global generator.

    Raises:
        UserError: open_clip is missing, no such model, or weights that cannot be read or fetched.
    """
    name, _, weights = inner.partition("/")
    what = f"{PREFIX}{inner}"
    open_clip = need("open_clip", repr(what))
    if name not in open_clip.list_models():
        raise unknown("encoder", f"{PREFIX}{name}", [f"{PREFIX}{known}" for known in open_clip.list_models()])
    try:
        with _quiet():
            return open_clip.create_model(name, pretrained=weights or None, force_image_size=size)
    except Exception as error:  # open_clip, the hub and the network raise anything
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise UserError(f"{what} cannot be made ({reason}); {_HINT}, or name a file: {PREFIX}{name}/FILE") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without open_clip's warning that weights are random."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
