"""Encoded images, as files or as bytes: looked at, decoded into one array, and what was found out on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from metaclr.console import progress
from metaclr.data.cache import cache_folder
from metaclr.data.options import OnCorrupt, ReadOptions
from metaclr.data.pixels.decode import FULL_RANGE, constant_notes, decode
from metaclr.data.pixels.deep_pixels import range_notes
from metaclr.data.pixels.originals import Original, inspect, original_notes, pixel_limit
from metaclr.data.scratch import Allocate
from metaclr.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class ReadImages:
    """Images (M, C, S, S) uint8; `rows`: which source each is of; `files`: its name, with the frame; notes."""

    images: torch.Tensor
    rows: tuple[int, ...]
    files: tuple[str, ...]
    notes: tuple[str, ...]


def read_images(
    name: str,
    sources: Sequence[Path | bytes],
    files: Sequence[str],
    allocate: Allocate,
    size: int,
    channels: int,
    options: ReadOptions,
    where: str = "",
) -> ReadImages:
    """Decode image files, or the bytes of such files, into `allocate((M, C, size, size))`.

    Args:
        files: a name for each source. where: the folder that the names are below, for lists of unreadable files.

    Raises:
        UserError: unreadable or too large files, unless `options.on_corrupt` is "skip"; none can be read.
    """
    with pixel_limit(options.max_pixels):
        return _read(name, sources, files, allocate, size, channels, options, where)


def _read(
    name: str,
    sources: Sequence[Path | bytes],
    files: Sequence[str],
    allocate: Allocate,
    size: int,
    channels: int,
    options: ReadOptions,
    where: str,
) -> ReadImages:
    originals = inspect(sources, options)
    notes, pixel_range = _look_at(name, files, originals, options)
    counts = [one.frames if options.frames == "all" else 1 for one in originals]
    items = [(i, k) for i, count in enumerate(counts) for k in range(count) if not originals[i].too_large]
    if not items:
        raise UserError(f"{name}: no image that can be read")
    images = allocate((len(items), channels, size, size))
    with progress(f"decoding {name}") as bar:
        readers = [partial(_open, sources[i], frame, originals[i].unreadable) for i, frame in items]
        result = decode(readers, images, partial(bar, note="images"), fit=options.fit, pixel_range=pixel_range)
    named = [f"{files[i]}[{frame}]" if counts[i] > 1 else files[i] for i, frame in items]
    bad = result.unreadable
    if bad:
        lines = [f"{Path(where, named[i]) if where else named[i]}: {why}" for i, why in bad.items()]
        notes.append(report_unreadable(name, lines, options.on_corrupt))
    notes += constant_notes(result.constant, len(items) - len(bad), named, f"at {size} x {size}, fit = {options.fit!r}")
    kept = [i for i in range(len(items)) if i not in bad]
    for place, i in enumerate(kept if bad else ()):  # moved up in place: the array may be larger than memory
        images[place] = images[i]
    return ReadImages(
        torch.from_numpy(images[: len(kept)]),
        tuple(items[i][0] for i in kept),
        tuple(named[i] for i in kept),
        tuple(notes),
    )


def _open(source: Path | bytes, frame: int, unreadable: str) -> Image:
    from PIL import Image

    if unreadable:
        raise OSError(unreadable)
    image = Image.open(BytesIO(source) if isinstance(source, bytes) else source)
    if frame:
        image.seek(frame)
    return image


def _look_at(
    name: str, files: Sequence[str], originals: Sequence[Original], options: ReadOptions
) -> tuple[list[str], tuple[float, float]]:
    """Notes on the originals, and the pixel range of deep ones. Refuses images that are too large."""
    notes: list[str] = []
    large = [(files[i], one.size) for i, one in enumerate(originals) if one.too_large]
    if large:
        notes.append(_too_large(name, large, options))
    if any(not one.unreadable and not one.too_large for one in originals):
        notes += original_notes(originals, options)
    deep = [one.deep for one in originals if one.deep is not None]
    if not deep:
        return notes, options.pixel_range or FULL_RANGE
    pixel_range, more = range_notes(deep, options.pixel_range)
    return [*notes, *more], pixel_range


def _too_large(name: str, large: Sequence[tuple[str, tuple[int, int]]], options: ReadOptions) -> str:
    first, (width, height) = large[0]
    most = max(w * h for _, (w, h) in large)
    size = f"{width} x {height}, {width * height / 1e6:.0f} megapixels" if width else "size unknown"
    message = (
        f"{name}: {len(large)} image{'s are' if len(large) > 1 else ' is'} too large, first {first} ({size};"
        f" {options.max_pixels / 1e6:.0f} are allowed)"
    )
    if options.on_corrupt != "skip":
        allow = f"max_pixels = {most or 'NUMBER'} (--max-pixels {most or 'NUMBER'})"
        raise UserError(f"{message}; allow it with {allow}, or leave it out with --on-corrupt skip")
    return f"left out: {message}; skipped"


def report_unreadable(name: str, lines: Sequence[str], on_corrupt: OnCorrupt) -> str:
    """Write the list of unreadable files to the cache folder; refuse them, or return a note on them.

    Raises:
        UserError: unless `on_corrupt` is "skip"; the count, the first file, and where the list is.
    """
    path = cache_folder() / f"unreadable-{name}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")
        where = f"; all are listed in {path}"
    except OSError:
        where = ""
    message = f"{name}: {len(lines)} unreadable image{'s' if len(lines) > 1 else ''}, first {lines[0]}{where}"
    if on_corrupt != "skip":
        raise UserError(f"{message}; mend them, or take --on-corrupt skip")
    return f"left out: {len(lines)} unreadable image{'s' if len(lines) > 1 else ''}, first {lines[0]}{where}; skipped"
