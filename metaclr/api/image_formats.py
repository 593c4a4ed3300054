"""Encoders that take images of different sizes: each gets the originals at its own size, and the same episodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

DEFAULT = (28, 1)
"""Size and channels of images for an encoder that does not have its own."""

Format = tuple[int, int]
"""Pixels of either side, channels."""


def format_of(encoder: nn.Module, size: int | None, channels: int | None) -> Format:
    """Size and channels of the images for an encoder: those given, else its attributes `size` and `channels`.

    An encoder counts as having its own where both are int, as those of `metaclr.load` and `metaclr.pretrained` do.
    """
    own = getattr(encoder, "size", None), getattr(encoder, "channels", None)
    known = (own[0], own[1]) if all(isinstance(one, int) and not isinstance(one, bool) for one in own) else DEFAULT
    return size or int(known[0] or 0), channels or int(known[1] or 0)


def shared_format(formats: Mapping[str, Format]) -> Format:
    """The format if all encoders have one; (0, 0) otherwise, which a recipe reads as "not one for all"."""
    distinct = set(formats.values())
    return next(iter(distinct)) if len(distinct) == 1 else (0, 0)


def encoder_notes(encoders: Mapping[str, nn.Module], formats: Mapping[str, Format]) -> list[str]:
    """For a table's notes: where pretrained weights come from, and the size of images where encoders differ in it."""
    mixed, lines = len(set(formats.values())) > 1, []
    for name, encoder in encoders.items():
        size, channels = formats[name]
        parts = [str(note) for note in getattr(encoder, "notes", ())]
        if mixed or parts:
            parts.append(f"images of {channels} x {size} x {size}, made from the originals")
        if parts:
            lines.append(f"{name}: {'; '.join(parts)}")
    pretrained = [name for name, encoder in encoders.items() if getattr(encoder, "notes", ())]
    if pretrained:
        lines.append(
            f"Pretrained elsewhere: {', '.join(pretrained)}. Classes or images of a target may have been among those"
            " trained on, so these rows are no few-shot results of the target's training classes."
        )
    return lines
