"""The images below a folder, each with its class and part: by folders, or by lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from metaclr.data.folders.class_names import PlacedRow, unite_spellings
from metaclr.data.folders.layouts import Reading, read_layout
from metaclr.data.image_attributes import in_order
from metaclr.data.lists.csv_lists import ImageList, find_lists, images_of_lists, read_list, unread_lists
from metaclr.data.part_names import part_name
from metaclr.data.tree.file_index import FileIndex
from metaclr.data.tree.file_tree import Folder, left_out_files, read_tree, repeated_folders
from metaclr.errors import UserError
from metaclr.wording import some


@dataclass(frozen=True)
class Listing:
    """The image files that are read, in the order of the set, and what was found out about the folder.

    files: paths below the root. labels: one per file, or () without labels. split: one per file, or () without parts.
    attributes: by name, one value per file.
    """

    root: Path
    files: tuple[str, ...]
    labels: tuple[int, ...]
    split: tuple[str, ...]
    class_names: tuple[str, ...]
    groups: tuple[str, ...]
    notes: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def list_images(root: Path, parts: tuple[str, ...] = (), layout: str = "auto", lists: Path | None = None) -> Listing:
    """The images below a folder.

    Args:
        parts: a part without labels is read if it is among these; it is left out beside labelled ones otherwise.
        layout: one of `layouts.LAYOUTS`.
        lists: the one .csv file to follow; by default those in the folder.

    Raises:
        UserError: nothing to read, or a folder that cannot be read one way (docs/data.md).
    """
    tree = read_tree(root)
    rows, notes, used, attributes = _rows(tree, layout, lists)
    tree.others = [name for name in tree.others if root / name not in used]
    for folder in tree.folders:
        folder.others = [name for name in folder.others if folder.path / name not in used]
    rows, left_out = _labelled_or_not(rows, parts)
    rows, spelled = unite_spellings(rows)
    complete = any(part for _, part, _ in rows) and any(class_name is not None for *_, class_name in rows)
    notes += [*spelled, *left_out, *left_out_files(tree), *repeated_folders(tree)]
    listing = _listing(root, sorted(rows), (*notes, *([] if complete else unread_lists(tree))))
    return replace(listing, attributes=in_order(attributes, listing.files))


def _rows(
    tree: Folder, layout: str, chosen: Path | None
) -> tuple[list[PlacedRow], list[str], set[Path], Mapping[str, Mapping[str, str]]]:
    """Images, notes, the lists that were read, and attributes by name and path."""
    index = FileIndex(tree)
    lists = [] if layout != "auto" else _lists(tree, index, chosen)
    try:
        reading = read_layout(tree, layout)
    except UserError:
        if not lists:
            raise
        reading = None
    by_folders = reading is not None and any(p.class_name is not None for p in reading.placed)
    if reading is not None and (not lists or (by_folders and not chosen and _folders_win(reading.layout, lists))):
        return _by_folders(tree, index, reading, lists)
    with_parts = [one for one in lists if one.has_parts]
    if sum(one.labelled or not one.has_attributes for one in lists) > 1 and not with_parts:
        several = some([one.path.name for one in lists])
        raise UserError(f"{tree.path}: {several} all list images; give the path of the one that is meant")
    if with_parts and not any(one.labelled for one in with_parts):
        with_parts = lists  # the labels are in another list, or are the folders
    folders = {}
    if reading is not None and by_folders:
        placed = [p for p in reading.placed if p.class_name is not None]
        folders = {"/".join((*p.folder.names, n)): str(p.class_name) for p in placed for n in p.folder.images}
    listed = images_of_lists(tree, index, with_parts or lists, folders)
    rows = [(tuple(path.split("/")), part, class_name) for path, part, class_name in listed.rows]
    return rows, [f"layout: {listed.layout}", *listed.notes], set(listed.lists), listed.attributes


def _by_folders(
    tree: Folder, index: FileIndex, reading: Reading, lists: list[ImageList]
) -> tuple[list[PlacedRow], list[str], set[Path], Mapping[str, Mapping[str, str]]]:
    """Images with the classes and parts of their folders; lists without labels and parts add attributes."""
    rows: list[PlacedRow] = [
        ((*p.folder.names, name), p.part, p.class_name) for p in reading.placed for name in p.folder.images
    ]
    notes = [f"layout: {reading.layout}", *reading.notes]
    describing = [one for one in lists if one.has_attributes and not one.labelled and not one.has_parts]
    if unread := [one.path.name for one in lists if one not in describing]:
        content = "the parts" if "PART" in reading.layout else "the classes"
        notes.append(
            f"layout: {some(unread)} is not read, for the folders say {content}; its path as data set reads it"
        )
    if not describing:
        return rows, notes, set(), {}
    listed = images_of_lists(tree, index, describing)
    notes += [note for note in listed.notes if not note.startswith("left out: ")]
    return rows, notes, set(listed.lists), listed.attributes


def _lists(tree: Folder, index: FileIndex, chosen: Path | None) -> list[ImageList]:
    if chosen is None:
        return find_lists(tree, index)
    found = read_list(chosen, index)
    if found is None:
        raise UserError(f"{chosen}: has no column of image files; call it 'filename'")
    return [found]


def _folders_win(layout: str, lists: list[ImageList]) -> bool:
    """Whether class folders are followed rather than lists: they hold parts, or no list does."""
    return "PART" in layout or not any(one.has_parts for one in lists)


def _labelled_or_not(rows: list[PlacedRow], parts: tuple[str, ...]) -> tuple[list[PlacedRow], list[str]]:
    """Leave out images without labels beside labelled ones, unless their part was asked for."""
    bare = Counter(part for _, part, class_name in rows if class_name is None)
    if not bare or len(rows) == bare.total():
        return rows, []
    wanted = {part_name(part) or part for part in parts}
    labelled = {part for _, part, class_name in rows if class_name is not None}
    if wanted & (set(bare) - labelled):
        return [(names, part, None) for names, part, _ in rows if part in wanted], []
    notes = [
        f"left out: {count:,} image{'s' * (count > 1)} of part {part} without a label"
        if part in labelled
        else f"left out: part {part}, {count:,} image{'s' * (count > 1)} without labels; NAME:{part} reads it"
        for part, count in bare.items()
    ]
    return [row for row in rows if row[2] is not None], notes


def _listing(root: Path, rows: list[PlacedRow], notes: tuple[str, ...]) -> Listing:
    names = {name for _, _, name in rows if name is not None}
    classes = sorted(names)
    index = {name: i for i, name in enumerate(classes)}
    parts = tuple(part for _, part, _ in rows)
    return Listing(
        root,
        tuple("/".join(path) for path, _, _ in rows),
        tuple(index[name] for _, _, name in rows if name is not None),
        parts if any(parts) else (),
        tuple(classes),
        tuple(name.split("/")[0] for name in classes) if classes and all("/" in name for name in classes) else (),
        notes,
    )
