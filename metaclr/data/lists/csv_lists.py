"""Lists of images: train.csv, val.csv and test.csv beside images/, or one list with a column for the part."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from metaclr.data.image_attributes import Attributes, is_caption
from metaclr.data.lists.list_columns import read_columns
from metaclr.data.lists.list_tables import TABLE_ENDINGS, read_table
from metaclr.data.part_names import UNLABELLED, part_name
from metaclr.data.tree.file_index import FileIndex
from metaclr.data.tree.file_tree import Folder
from metaclr.errors import UserError
from metaclr.wording import some

_MAY_LIST = (*TABLE_ENDINGS, ".json", ".xlsx", ".xls", ".mat")
_LIST_WORDS = frozenset({"split", "splits", "labels", "label", "annotations"})


@dataclass(frozen=True)
class ListedRow:
    """One row: the file as it is written, its part ("" for none), its class (None where the label is empty).

    values: of its attributes, by name.
    """

    file: str
    part: str
    class_name: str | None
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ImageList:
    """A file that names images; `has_parts`: by its own name or by a column. notes: columns that are not read."""

    path: Path
    rows: tuple[ListedRow, ...]
    has_parts: bool
    notes: tuple[str, ...] = ()

    @property
    def labelled(self) -> bool:
        """Whether a row has a label."""
        return any(row.class_name is not None for row in self.rows)

    @property
    def has_attributes(self) -> bool:
        """Whether it says more of images than their labels and parts: captions, groups."""
        return bool(self.rows and self.rows[0].values)


def part_in_file_name(stem: str) -> str | None:
    """The one part that a file's name spells, whole or as a word of it: "mini-imagenet-cache-train" -> "train"."""
    whole = part_name(stem)
    if whole:
        return whole
    words = {part_name(word) for word in re.split(r"[^A-Za-z]+", stem) if word} - {None}
    return words.pop() if len(words) == 1 else None


def find_lists(tree: Folder, index: FileIndex) -> list[ImageList]:
    """The lists in a folder, in the folders of its parts and in those without images; other tables are no lists."""
    found = [read_list(tree.path / name, index) for name in _tables(tree)]
    for folder in tree.folders:
        part = part_name(folder.name)
        if part or not folder.has_images:
            found += [read_list(folder.path / name, index, part) for name in _tables(folder)]
    return [one for one in found if one is not None]


def _tables(folder: Folder) -> list[str]:
    """The tables of a folder; .txt files only where their names spell a part, or are captions."""
    tables = [name for name in folder.others if name.lower().endswith(TABLE_ENDINGS)]
    return [
        name
        for name in tables
        if not name.lower().endswith(".txt") or part_in_file_name(Path(name).stem) or is_caption(Path(name).stem)
    ]


def read_list(path: Path, index: FileIndex, part: str | None = None) -> ImageList | None:
    """A list of images; None for a table without a column of files.

    Args:
        part: of all rows, where there is no column for it; None: that of the file's name, if it has one.

    Raises:
        UserError: labels that may be in several columns, a part that is not known, a damaged file.
    """
    is_text = path.suffix.lower() == ".txt"
    try:
        table = read_table(path)
        columns = read_columns(path, table, index.has) if table[0] else None
    except UserError:
        if is_text:  # a text that begins like a list
            return None
        raise
    if columns is None or (is_text and not any(map(index.has, columns.files))):
        return None
    part = part or part_in_file_name(path.stem)
    parts = columns.parts or (part or "",) * len(columns.files)
    names = tuple(columns.attributes)
    values = zip(*columns.attributes.values(), strict=True) if names else [()] * len(columns.files)
    listed = tuple(
        ListedRow(file, of_part, class_name, tuple(zip(names, row, strict=True)))
        for file, of_part, class_name, row in zip(columns.files, parts, columns.classes, values, strict=True)
    )
    return ImageList(path, listed, columns.parts is not None or part is not None, columns.notes)


@dataclass(frozen=True)
class Listed:
    """The images of lists: path below the root, part and class of each, and notes.

    attributes: by name and path.
    """

    rows: tuple[tuple[str, str, str | None], ...]
    layout: str
    notes: tuple[str, ...]
    lists: tuple[Path, ...]
    attributes: Mapping[str, Mapping[str, str]]


def images_of_lists(
    tree: Folder, index: FileIndex, lists: list[ImageList], by_folders: Mapping[str, str] | None = None
) -> Listed:
    """The images that the lists name. A file that is not there is kept, to be reported with the unreadable ones.

    Args:
        by_folders: the class of each image by its folder, which is taken where no list has labels, or where the labels
            number the folders.

    Raises:
        UserError: one image with two labels or in two parts, no file of a list is there.
    """
    rows: dict[str, tuple[str, str | None]] = {}
    attributes = Attributes()
    for one in lists:
        here = one.path.parent.relative_to(tree.path).as_posix().removeprefix(".")
        missing = 0
        for row in one.rows:
            below = here or next((f.name for f in tree.folders if row.part and part_name(f.name) == row.part), "")
            path = index.find(row.file, below, row.class_name)
            missing += path is None
            place = path or row.file
            part, class_name = rows.get(place, ("", None))
            entry = (row.part or part, row.class_name if row.class_name is not None else class_name)
            if (part and entry[0] != part) or (class_name is not None and entry[1] != class_name):
                raise UserError(
                    f"{one.path}: {row.file} is listed twice, as {_described(rows[place])} and as {_described(entry)};"
                    " an image has one class and one part"
                )
            rows[place] = entry
            attributes.add(place, row.values)
        if missing == len(one.rows):
            raise UserError(f"{one.path}: none of its {missing:,} files is below {tree.path}, first {one.rows[0].file}")
    folders = by_folders is not None and _folders_say_more(rows, by_folders)
    if by_folders and folders:
        rows = {path: (part, by_folders.get(path, label)) for path, (part, label) in rows.items()}
    notes = [*(note for one in lists for note in one.notes), *attributes.notes()]
    others = [path for path in index.paths if path not in rows]
    if others:
        notes.append(f"left out: {len(others):,} images that no list names: {some(others, 3)}")
    split = any(part for part, _ in rows.values())
    names = some([one.path.relative_to(tree.path).as_posix() for one in lists])
    labelled = any(c is not None for _, c in rows.values())
    of_lists = "parts and labels" if split else "labels" if labelled else "images"
    layout = f"{'classes by folders, parts' if by_folders and folders else of_lists} from {names}"
    final = []
    for path, (part, class_name) in rows.items():
        bare = labelled and class_name is None and not part
        final.append((path, UNLABELLED if bare else part, class_name))
    return Listed(tuple(final), layout, tuple(notes), tuple(one.path for one in lists), attributes.found())


def _folders_say_more(rows: Mapping[str, tuple[str, str | None]], by_folders: Mapping[str, str]) -> bool:
    """Whether lists have no labels, or numbers that stand for the folders one to one."""
    labels = {label for _, label in rows.values()}
    if labels == {None}:
        return True
    if not all(label is not None and label.isdigit() for label in labels):
        return False
    pairs = {(label, by_folders.get(path)) for path, (_, label) in rows.items()}
    return len(pairs) == len(labels) == len({folder for _, folder in pairs})


def unread_lists(tree: Folder) -> list[str]:
    """A warning on files whose names say that they hold parts or labels, and that are not read."""
    named = []
    for folder in (tree, *(folder for folder in tree.folders if not folder.has_images)):
        for name in folder.others:
            stem, ending = Path(name).stem, Path(name).suffix.lower()
            words = set(re.split(r"[^a-z]+", stem.lower()))
            if ending in _MAY_LIST and (part_in_file_name(stem) or words & _LIST_WORDS):
                named.append("/".join((*folder.names, name)))
    if not named:
        return []
    return [
        f"warning: {some(named, 3)} {'is' if len(named) == 1 else 'are'} not read; parts and labels of files are taken"
        " from .csv files with the columns filename, label and split"
    ]


def _described(row: tuple[str, str | None]) -> str:
    part, class_name = row
    return " in ".join(filter(None, (class_name or "no class", part)))
