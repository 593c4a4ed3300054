"""A set whose classes a published list names, read from whatever holds them: only the listed classes are decoded."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from episodes import ImageSet, splits
from metaclr.data.arrays.array_folders import array_files, read_array_folder
from metaclr.data.cache import cached, stamp
from metaclr.data.folders.folders import listed_set
from metaclr.data.folders.listing import Listing, list_images
from metaclr.data.part_names import part_name
from metaclr.data.request import Request
from metaclr.data.tree.file_tree import read_tree
from metaclr.errors import UserError

_NUMBERED = re.compile(r"\d+[._ -]+")
"""What stands before the names of some releases: 001.Black_footed_Albatross, 090.canna lily."""


def read_listed(
    path: Path, split: str, request: Request, *, files: Sequence[Path] = (), listing: Listing | None = None
) -> ImageSet:
    """The classes of a shipped class split, below a folder; its parts in `split`.

    The folder may hold class folders (with or without folders of parts above), images with lists, or files of arrays
    such as pickled caches. Parts are those of the class list, whatever folder a class lies in.

    Args:
        files: the files of arrays to read; by default those of the folder, where it has no images.
        listing: the images to read; by default those below the folder.

    Raises:
        UserError: a class is missing; the folder has the classes of another list, which the line names.
    """
    parts = wanted_parts(split, request.parts)
    arrays = list(files)
    if listing is None and not arrays:
        tree = read_tree(path)
        arrays = [] if tree.has_images else [file for _, file in array_files(tree)]
    if arrays:
        whole = _of_arrays(path, arrays, request)
        names = match_classes(whole.class_names, parts, split, path)
        kept = whole.only_classes([i for i, name in enumerate(whole.class_names) if name in names])
    else:
        found = listing or list_images(path, (), request.options.layout)
        names = match_classes(found.class_names, parts, split, path)
        kept = listed_set(
            only_listed(found, set(names)), request.size, request.channels, request.options, request.cache
        )
    part_of = {name: part for part, listed in parts.items() for name in listed}
    renamed = tuple(names[name] for name in kept.class_names)
    filled = tuple(part_of[renamed[label]] for label in kept.required_labels().tolist())
    return replace(kept, class_names=renamed, split=filled, name=split)


def wanted_parts(split: str, asked: Sequence[str]) -> dict[str, list[str]]:
    """The class names of the parts that are asked for, all for ()."""
    parts = splits.class_split(split)
    wanted = {part_name(one) or one for one in asked} & set(parts)
    return {part: names for part, names in parts.items() if not asked or part in wanted} or parts


def match_classes(found: Sequence[str], parts: Mapping[str, Sequence[str]], split: str, where: Path) -> dict[str, str]:
    """The listed name of each class that is found and listed.

    Names agree as they are, or by their last folder, or without case, blanks, punctuation and a leading number.

    Raises:
        UserError: a listed class is not found; says of which other list the found classes are.
    """
    listed = [name for names in parts.values() for name in names]
    by_spelling = {key: name for name in reversed(listed) for key in _spellings(name)}
    exact = set(listed)
    matched: dict[str, str] = {}
    for name in found:
        last = name.rsplit("/", 1)[-1]
        one = next((n for n in (name, last) if n in exact), None)
        one = one or next(
            (by_spelling[key] for key in (*_spellings(name), *_spellings(last)) if key in by_spelling), None
        )
        if one is not None and one not in matched.values():
            matched[name] = one
    missing = sorted(exact - set(matched.values()))
    if missing:
        raise UserError(
            f"data set {split!r}: {where} has {len(matched)} of its {len(listed)} classes; the first that is missing is"
            f" {missing[0]!r}{_other_list(found, split)}"
        )
    return matched


def _other_list(found: Sequence[str], split: str) -> str:
    """Which other shipped lists hold all classes that were found."""
    names = {name.rsplit("/", 1)[-1] for name in found}
    others = []
    for other in splits.names():
        parts = splits.class_split(other)
        if other != split and names and names <= {name for listed in parts.values() for name in listed}:
            others.append(other)
    return f"; these are classes of {', '.join(others)}, another set: do not mix them" if others else ""


def _spellings(name: str) -> tuple[str, ...]:
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    bare = re.sub(r"[^a-z0-9]", "", _NUMBERED.sub("", name, count=1).lower())
    return tuple(dict.fromkeys(key for key in (plain, bare) if key))


def only_listed(listing: Listing, names: set[str]) -> Listing:
    """The images of some classes, without the parts that folders say."""
    kept = [i for i, label in enumerate(listing.labels) if listing.class_names[label] in names]
    classes = [name for name in listing.class_names if name in names]
    place = {name: i for i, name in enumerate(classes)}
    left = len(listing.class_names) - len(classes)
    note = [f"left out: {left:,} classes that the list of the data set does not name"] if left else []
    return replace(
        listing,
        files=tuple(listing.files[i] for i in kept),
        labels=tuple(place[listing.class_names[listing.labels[i]]] for i in kept),
        split=(),
        class_names=tuple(classes),
        groups=(),
        notes=(*listing.notes, *note),
    )


def _of_arrays(path: Path, files: Sequence[Path], request: Request) -> ImageSet:
    from metaclr.data.lists.csv_lists import part_in_file_name

    plain = replace(request, parts=())
    key = {
        "name": path.resolve().name,
        "files": [stamp(file) for file in files],
        "size": request.size,
        "channels": request.channels,
        "options": request.options.key(),
    }
    pairs = [(part_in_file_name(file.stem) or "", file) for file in files]
    return cached(
        key, lambda allocate: read_array_folder(path, pairs, replace(plain, allocate=allocate)), request.cache
    )
