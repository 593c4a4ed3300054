"""Published lists of images of an ImageNet folder: by original file name, or by number within the class."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from metaclr.data.folders.listing import Listing
from metaclr.data.lists.list_tables import read_table
from metaclr.errors import UserError

_ORIGINAL = re.compile(r"(n\d{8})_(\d+)", re.IGNORECASE)
"""ImageNet's names, n01532829_20457.JPEG, as in easyfsl's lists."""
_RENUMBERED = re.compile(r"(n\d{8})(\d{8})", re.IGNORECASE)
"""Ravi and Larochelle's names, n0153282900000005.jpg: the fifth image of the class, ordered by ImageNet's numbers."""


def choose_images(listing: Listing, lists: list[Path], per_class: int) -> Listing:
    """The images of an ImageNet folder that lists name; without a list the first `per_class` of each class, noted.

    Raises:
        UserError: a list names an image that the folder does not have.
    """
    if not lists:
        return _first(listing, per_class)
    by_class: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for i, file in enumerate(listing.files):
        name = _ORIGINAL.match(Path(file).stem)
        by_class[listing.class_names[listing.labels[i]].rsplit("/", 1)[-1]].append((int(name[2]) if name else i, i))
    for rows in by_class.values():
        rows.sort()
    numbered = {wnid: dict(rows) for wnid, rows in by_class.items()}
    kept = []
    for path in lists:
        _, lines = read_table(path)
        for line in lines:
            cell = next((c for c in line if _ORIGINAL.match(c) or _RENUMBERED.match(c)), None)
            if cell is None:
                continue
            renumbered, original = _RENUMBERED.match(cell), _ORIGINAL.match(cell)
            if renumbered:
                images = by_class.get(renumbered[1], [])
                place = int(renumbered[2]) - 1
                found = images[place][1] if 0 <= place < len(images) else None
            else:
                assert original is not None
                found = numbered.get(original[1], {}).get(int(original[2]))
            if found is None:
                raise UserError(f"{path}: {cell} is not below {listing.root}")
            kept.append(found)
    names = ", ".join(path.name for path in lists)
    return _kept(listing, sorted(kept), f"images: those that {names} name")


def _first(listing: Listing, per_class: int) -> Listing:
    counts: dict[int, int] = defaultdict(int)
    kept = []
    for i, label in enumerate(listing.labels):
        counts[label] += 1
        if counts[label] <= per_class:
            kept.append(i)
    if len(kept) == len(listing.files):
        return listing
    note = (
        f"warning: images: the first {per_class} of each class in the order of their names, not the published ones,"
        " which lists train.csv, val.csv and test.csv in the set's folder would name"
    )
    return _kept(listing, kept, note)


def _kept(listing: Listing, kept: list[int], note: str) -> Listing:
    return replace(
        listing,
        files=tuple(listing.files[i] for i in kept),
        labels=tuple(listing.labels[i] for i in kept),
        split=tuple(listing.split[i] for i in kept) if listing.split else (),
        notes=(*listing.notes, note),
    )
