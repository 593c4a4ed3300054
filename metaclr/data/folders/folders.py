"""A folder of images: found, decoded once by several threads, and kept in the cache."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from episodes import ImageSet
from metaclr.data.cache import cached
from metaclr.data.folders.listing import Listing, list_images
from metaclr.data.options import DEFAULT, ReadOptions
from metaclr.data.pixels.decode import OWN_SIZE
from metaclr.data.pixels.image_files import read_images
from metaclr.data.scratch import Allocate
from metaclr.errors import UserError


def folder_set(
    root: Path,
    size: int | None = None,
    channels: int | None = None,
    *,
    parts: tuple[str, ...] = (),
    options: ReadOptions = DEFAULT,
    lists: Path | None = None,
    cache_in: Path | None = None,
) -> ImageSet:
    """The images of a folder by the rules of docs/data.md, `size` x `size` pixels (default 84), 3 channels by default.

    Args:
        parts: asked for; a part without labels is read only if it is among them.
        lists: the one .csv file to follow.

    Raises:
        UserError: no such folder, nothing to read, a class without a readable image, or files that are unreadable or
            too large (count and first; the full list is written to a file) unless `options.on_corrupt` is "skip".
    """
    return listed_set(list_images(root, parts, options.layout, lists), size, channels, options, cache_in)


def listed_set(
    listing: Listing,
    size: int | None = None,
    channels: int | None = None,
    options: ReadOptions = DEFAULT,
    cache_in: Path | None = None,
) -> ImageSet:
    """The images of a listing, decoded once. Raises UserError as `folder_set` does."""
    root = listing.root
    key = {
        "name": f"folder-{root.resolve().name}",
        "root": str(root.resolve()),
        "files": [(name, *_stamp(root / name)) for name in listing.files],
        "labels": (listing.labels, listing.split, listing.class_names),
        **({"attributes": listing.attributes} if listing.attributes else {}),
        "size": size or OWN_SIZE,
        "channels": channels or 3,
        "options": options.key(),
    }

    def make(allocate: Allocate) -> ImageSet:
        return _decode(listing, allocate, size or OWN_SIZE, channels or 3, options)

    found = cached(key, make, cache_in)
    return replace(found, notes=(*listing.notes, *found.notes))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:  # missing, or a link to nothing: reported when it is opened
        return -1, -1
    return stat.st_size, stat.st_mtime_ns


def _decode(listing: Listing, allocate: Allocate, size: int, channels: int, options: ReadOptions) -> ImageSet:
    root = listing.root
    name = root.resolve().name
    found = read_images(
        name, [root / file for file in listing.files], listing.files, allocate, size, channels, options, str(root)
    )
    labels = [listing.labels[i] for i in found.rows] if listing.labels else []
    if empty := sorted(set(listing.labels) - set(labels)):
        raise UserError(f"{root}: no readable image in class {listing.class_names[empty[0]]!r}")
    return ImageSet(
        found.images,
        torch.tensor(labels) if labels else None,
        listing.class_names,
        listing.groups,
        tuple(listing.split[i] for i in found.rows) if listing.split else (),
        name,
        found.files,
        found.notes,
        attributes={name: tuple(values[i] for i in found.rows) for name, values in listing.attributes.items()},
    )
