"""Tiny ImageNet: 200 classes of ImageNet at 64 pixels (Stanford CS231n)."""

from __future__ import annotations

from pathlib import Path

from episodes import ImageSet
from metaclr.data.folders.folders import folder_set
from metaclr.data.named_sets import NamedSet, folder_of
from metaclr.data.request import Request

_PLACE = "tiny_imagenet"


def _how_to_get(root: Path | None) -> str:
    return (
        f"put tiny_imagenet.npz into {root or 'the data root'}, or unzip"
        " http://cs231n.stanford.edu/tiny-imagenet-200.zip and name its folder: tiny-imagenet-200/train"
    )


def _read(request: Request) -> ImageSet:
    assert request.root is not None
    folder = request.root / _PLACE
    return folder_set(
        folder, request.size, request.channels, parts=request.parts, options=request.options, cache_in=request.cache
    )


SETS = (
    NamedSet(
        "tiny_imagenet",
        "200 classes of ImageNet, 64 px",
        200,
        110000,
        ("train", "test"),
        (_PLACE,),
        _how_to_get,
        folder_of(_PLACE),
        _read,
    ),
)
