"""Which columns of a table are the image files, their labels, parts and attributes: by name, else by what they hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from metaclr.data.image_attributes import CAPTION, is_caption, is_grouping, one_line
from metaclr.data.lists.list_tables import Table
from metaclr.data.part_names import is_boolean, part_name, part_names
from metaclr.data.tree.file_tree import image_endings
from metaclr.errors import UserError

_FILE = ("filename", "file", "filepath", "filepaths", "filenames", "path", "paths", "imagepath", "imagename",
         "imagefile", "imgpath", "imgname", "image", "img", "images", "imageid", "imgid", "fname", "photo", "picture",
         "name", "id")  # fmt: skip
_LABEL = ("label", "labels", "class", "classname", "classes", "category", "target", "species", "classid", "labelname",
          "y", "breed", "diagnosis")  # fmt: skip
_SPLIT = ("split", "part", "set", "subset", "partition", "phase", "usage")
_FLAGS = {
    "train": ("train", "test"), "istrain": ("train", "test"), "istraining": ("train", "test"),
    "valid": ("val", "train"), "val": ("val", "train"), "isvalid": ("val", "train"), "isval": ("val", "train"),
    "isvalidation": ("val", "train"), "test": ("test", "train"), "istest": ("test", "train"),
}  # fmt: skip
"""Columns of true and false: the parts of either."""
_INDEX = re.compile(r"(unnamed\d*|index|)")
_FOLDS = ("fold", "folds", "kfold", "cvfold")
_LOOKED_AT = 50  # rows


@dataclass(frozen=True)
class ListedColumns:
    """Of each row the file as it is written, its class (None without a label) and its part (None where no column is).

    attributes: by name, one value a row: captions, and other columns whose values repeat. notes: columns that are not
    read.
    """

    files: list[str]
    classes: list[str | None]
    parts: tuple[str, ...] | None
    notes: tuple[str, ...]
    attributes: dict[str, list[str]]


def read_columns(path: Path, table: Table, is_image: Callable[[str], bool]) -> ListedColumns | None:
    """The columns of a table of images; None for one without a column of files.

    Args:
        is_image: whether a text names an image of the folder.

    Raises:
        UserError: labels that may be in several columns, or a part that is not known.
    """
    header, rows = table
    columns = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in header]
    file = _file_column(columns, rows or [header], is_image)
    if file is not None and (is_image(header[file]) or _has_image_ending(header[file])):  # no header at all
        rows, columns = [header, *rows], ["" for _ in header]
        header = [f"column {i + 1}" for i in range(len(columns))]
        columns[file] = "filename"
    if file is None or not rows:
        return None
    label = _named(columns, _LABEL, file)
    parts, of_parts = _parts(path, header, columns, rows, {file, label})
    rest = [i for i in range(len(columns)) if i not in (file, label, *of_parts)]
    numbered = [i for i in rest if _INDEX.fullmatch(columns[i]) and _is_count([row[i] for row in rows])]
    caption = next((i for i in rest if is_caption(header[i])), None)
    rest = [i for i in rest if i not in (*numbered, caption)]
    classes: list[str | None] = [None] * len(rows)
    if label is None and rest and header[rest[0]].startswith("column "):
        label = rest.pop(0)
    if label is None and caption is None and len(rest) == 1:
        label = rest.pop()
    if label is not None:
        classes = [row[label].strip() or None for row in rows]
    elif rest and caption is None:
        classes, rest = _one_hot(path, header, rows, rest), []
    attributes = {} if caption is None else {CAPTION: [one_line(row[caption]) for row in rows]}
    for i in list(rest):
        values = [row[i].strip() for row in rows]
        if columns[i] not in _FOLDS and is_grouping(values):
            attributes[header[i].strip()] = values
            rest.remove(i)
    notes = _notes(path, header, columns, rest)
    return ListedColumns([row[file].strip() for row in rows], classes, parts, notes, attributes)


def _notes(path: Path, header: list[str], columns: list[str], rest: list[int]) -> tuple[str, ...]:
    folds = [header[i] for i in rest if columns[i] in _FOLDS]
    if folds:
        return (
            f"warning: column {folds[0]} of {path.name} is not read: name the part of each row in a column 'split'",
        )
    return (f"columns: {', '.join(header[i] for i in rest)} of {path.name} are not read",) if rest else ()


def _file_column(columns: list[str], rows: list[list[str]], is_image: Callable[[str], bool]) -> int | None:
    """The column that names images of the folder, first of those called like one; else the first called like one."""
    some = rows[:_LOOKED_AT]
    hits = {i: sum(is_image(row[i]) for row in some) for i in range(len(columns))}
    named = [i for name in _FILE for i, column in enumerate(columns) if column == name]
    for i in named:
        if hits[i]:
            return i
    most = max(hits, key=lambda i: hits[i], default=None)
    if most is not None and 2 * hits[most] > len(some):
        return most
    return named[0] if named else None


def _named(columns: list[str], names: tuple[str, ...], other: int) -> int | None:
    return next((i for name in names for i, column in enumerate(columns) if column == name and i != other), None)


def _parts(
    path: Path, header: list[str], columns: list[str], rows: list[list[str]], others: set[int | None]
) -> tuple[tuple[str, ...] | None, list[int]]:
    """The part of each row and its columns: one called so, true-or-false columns, or one whose values spell parts."""
    free = [i for i in range(len(columns)) if i not in others]
    named = next((i for name in _SPLIT for i in free if columns[i] == name), None)
    if named is None:
        flags = [i for i in free if columns[i] in _FLAGS and all(is_boolean(row[i]) is not None for row in rows)]
        if flags:
            return tuple(_flagged(path, row, number, flags, columns) for number, row in enumerate(rows, 2)), flags
        spelled = ((i, {part_name(row[i]) for row in rows}) for i in free)
        named = next((i for i, found in spelled if None not in found and len(found) > 1), None)
    if named is None:
        return None, []
    return part_names([row[named].strip() for row in rows], f"{path}, column {header[named]!r}"), [named]


def _flagged(path: Path, row: list[str], number: int, flags: list[int], columns: list[str]) -> str:
    true = [_FLAGS[columns[i]][0] for i in flags if is_boolean(row[i])]
    if len(flags) == 1:
        return _FLAGS[columns[flags[0]]][0 if true else 1]
    if len(true) != 1:
        raise UserError(f"{path}: row {number} is in {len(true)} of the parts {', '.join(columns[i] for i in flags)}")
    return true[0]


def _one_hot(path: Path, header: list[str], rows: list[list[str]], columns: list[int]) -> list[str | None]:
    """Classes from one column of 0 and 1 for each, as the ISIC challenges have them."""
    try:
        values = [[float(row[i]) for i in columns] for row in rows]
    except ValueError:
        values = []
    if not values or any(sorted(row) != [0.0] * (len(columns) - 1) + [1.0] for row in values):
        names = ", ".join(header[i] for i in columns)
        raise UserError(f"{path}: which of the columns {names} is the label? call it 'label'")
    return [header[columns[row.index(1.0)]].strip() for row in values]


def _is_count(cells: list[str]) -> bool:
    """Whether cells are the numbers of the rows, as pandas writes them."""
    return all(cell.strip().isdigit() for cell in cells) and len(set(cells)) == len(cells)


def _has_image_ending(text: str) -> bool:
    return Path(text.strip()).suffix.lower() in image_endings()
