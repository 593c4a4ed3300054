"""Data sets that torchvision can read from the data root; nothing is downloaded here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from episodes import ImageSet
from metaclr.console import progress
from metaclr.data.cache import cached, stamp
from metaclr.data.named_sets import NamedSet
from metaclr.data.part_names import UNLABELLED, part_name
from metaclr.data.pixels.decode import OWN_SIZE, decode
from metaclr.data.pixels.image_files import report_unreadable
from metaclr.data.request import Request
from metaclr.errors import UserError, unknown

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class TorchvisionSet:
    """A data set of torchvision: its class, and which of its constructor's arguments choose each part."""

    kind: str
    parts: dict[str, dict[str, Any]]
    marker: str
    """A file or folder under the data root that is there once it was downloaded."""
    size: int = OWN_SIZE
    """Pixels of either side unless another size is asked for."""
    channels: int = 3
    transposed: bool = False
    """Whether torchvision returns rows as columns, as of EMNIST."""


def torchvision_set(
    name: str, about: str, classes: int, images: int, parts: tuple[str, ...], source: TorchvisionSet
) -> NamedSet:
    """A named set that torchvision reads from the data root."""

    def find(root: Path) -> list[Path]:
        marker = root / source.marker
        return [marker] if marker.exists() else []

    def how_to_get(root: Path | None) -> str:
        return f"put {name}.npz into {root or 'the data root'}, or: {download_command(source, root)}"

    def read(request: Request) -> ImageSet:
        return _cached(name, source, request)

    def fetch(root: Path) -> None:
        _download(name, source, root)

    return NamedSet(name, about, classes, images, parts, (source.marker,), how_to_get, find, read, fetch=fetch)


def _download(name: str, source: TorchvisionSet, root: Path) -> None:
    """Let torchvision download and check all parts; files that are there and whole are kept.

    Raises:
        UserError: no internet, or files that torchvision does not find any more.
    """
    import torchvision.datasets

    make: Callable[..., Any] = getattr(torchvision.datasets, source.kind)
    for chosen in source.parts.values():
        try:
            make(str(root), download=True, **chosen)
        except (OSError, RuntimeError, ValueError, ImportError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise UserError(
                f"data set {name!r} cannot be downloaded ({reason}); where there is internet:"
                f" {download_command(source)}, then copy DATA_ROOT/{source.marker} to {root}"
            ) from error


def _cached(name: str, source: TorchvisionSet, request: Request) -> ImageSet:
    assert request.root is not None
    root = request.root
    key = {
        "name": name,
        "files": [stamp(root / source.marker)],
        "parts": request.parts,
        "size": request.size,
        "channels": request.channels,
        "options": request.options.key(),
    }
    return cached(key, lambda allocate: read(name, source, root, replace(request, allocate=allocate)), request.cache)


def download_command(source: TorchvisionSet, root: Path | None = None) -> str:
    """The command that fetches it into the data root."""
    calls = [
        f"d.{source.kind}(root, download=True{''.join(f', {k}={v!r}' for k, v in chosen.items())})"
        for chosen in source.parts.values()
    ]
    return f"python -c \"import torchvision.datasets as d; root = '{root or 'DATA_ROOT'}'; {'; '.join(calls)}\""


def read(name: str, source: TorchvisionSet, root: Path, request: Request) -> ImageSet:
    """Some parts of a torchvision set (default all but the unlabelled one) with `split`, resized while decoding.

    Raises:
        UserError: not there or damaged (with the command that fetches it), an unknown part, unreadable images.
    """
    import torchvision.datasets

    chosen = tuple(_part(name, part, source) for part in request.parts)
    make: Callable[..., Any] = getattr(torchvision.datasets, source.kind)
    chosen = chosen or tuple(part for part in source.parts if part != UNLABELLED)
    try:
        opened = [(part, make(str(root), download=False, **source.parts[part])) for part in chosen]
    except (RuntimeError, OSError) as error:
        how = download_command(source, root)
        raise UserError(f"data set {name!r} is not whole in {root}; fetch it with: {how}") from error
    items = [(data, i) for _, data in opened for i in range(len(data))]
    labels = [-1] * len(items)
    side, options = request.size or source.size, request.options
    images = request.allocate((len(items), request.channels or source.channels, side, side))
    with progress(f"decoding {name}") as bar:
        readers = [partial(_image, data, i, place, labels, source.transposed) for place, (data, i) in enumerate(items)]
        bad = decode(readers, images, partial(bar, note="images"), fit=options.fit).unreadable
    lines = [f"image {i}: {why}" for i, why in bad.items()]
    notes = (report_unreadable(name, lines, options.on_corrupt),) if bad else ()
    kept = [i for i in range(len(items)) if i not in bad]
    for place, i in enumerate(kept if bad else ()):
        images[place] = images[i]
    split = [part for part, data in opened for _ in range(len(data))]
    unlabelled = UNLABELLED in chosen  # torchvision says -1 there; a set has labels or it has none
    return ImageSet(
        torch.from_numpy(images[: len(kept)]),
        None if unlabelled else torch.tensor([labels[i] for i in kept]),
        () if unlabelled else _class_names(opened[0][1], max(labels) + 1),
        split=() if "" in chosen else tuple(split[i] for i in kept),
        name=name,
        notes=notes,
    )


def _part(name: str, part: str, source: TorchvisionSet) -> str:
    if part in source.parts:
        return part
    meant = part_name(part)
    if meant in source.parts and meant:
        return meant
    raise unknown(f"part of {name}", part, set(source.parts) - {""})


def _image(data: Any, i: int, place: int, labels: list[int], transposed: bool) -> Image:
    """Image i of a torchvision set; notes its label on the way."""
    from PIL.Image import Transpose

    image, label = data[i]
    labels[place] = int(label)
    opened: Image = image.transpose(Transpose.TRANSPOSE) if transposed else image
    return opened


def _class_names(data: Any, classes: int) -> tuple[str, ...]:
    names = tuple(map(str, getattr(data, "classes", None) or getattr(data, "categories", None) or ()))
    return names if len(names) == classes else tuple(map(str, range(classes)))
