"""Lists of images as .csv: train.csv, val.csv and test.csv beside images/, or one list with a column for the part."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from metaclr.data.file_tree import Folder, image_endings, some
from metaclr.data.part_names import UNLABELLED, part_name, part_names
from metaclr.errors import UserError

_FILE = ("filename", "file", "filepath", "path", "imagepath", "imagename", "imagefile", "imgpath", "imgname", "image",
         "img", "images", "imageid", "imgid", "fname", "photo", "picture", "name", "id")  # fmt: skip
_LABEL = ("label", "labels", "class", "classname", "category", "target", "species", "classid", "labelname", "y",
          "breed", "diagnosis")  # fmt: skip
_SPLIT = ("split", "part", "set", "subset", "partition", "phase", "usage")
_ENDINGS = (".csv", ".tsv")


@dataclass(frozen=True)
class ListedRow:
    """One row: the file as it is written, its part ("" for none) and its class (None where the label is empty)."""

    file: str
    part: str
    class_name: str | None


@dataclass(frozen=True)
class ImageList:
    """A .csv file that names images; `has_parts`: by its own name or by a column."""

    path: Path
    rows: tuple[ListedRow, ...]
    has_parts: bool

    @property
    def labelled(self) -> bool:
        """Whether a row has a label."""
        return any(row.class_name is not None for row in self.rows)


def part_in_file_name(stem: str) -> str | None:
    """The one part that a file's name spells, whole or as a word of it: "mini-imagenet-cache-train" -> "train"."""
    whole = part_name(stem)
    if whole:
        return whole
    words = {part_name(word) for word in re.split(r"[^A-Za-z]+", stem) if word} - {None}
    return words.pop() if len(words) == 1 else None


def find_lists(tree: Folder) -> list[ImageList]:
    """The lists in a folder and in the folders of its parts; other .csv files are no lists."""
    found = [read_list(tree.path / name, None) for name in tree.others if name.lower().endswith(_ENDINGS)]
    for folder in tree.folders:
        part = part_name(folder.name)
        if part:
            inner = [name for name in folder.others if name.lower().endswith(_ENDINGS)]
            found += [read_list(folder.path / name, part) for name in inner]
    return [one for one in found if one is not None]


def read_list(path: Path, part: str | None = None) -> ImageList | None:
    """A list of images; None for a .csv file without a column of files.

    Args:
        part: of all rows, where there is no column for it; None: that of the file's name, if it has one.

    Raises:
        UserError: labels that cannot be told from other columns, a part that is not known, a damaged file.
    """
    header, rows = _table(path)
    columns = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in header]
    file = _column(columns, _FILE)
    if file is None and header and Path(header[0].strip()).suffix.lower() in image_endings():  # no header at all
        rows, columns = [header, *rows], ["filename", "label", "split"][: len(header)]
        file = 0
    if file is None or not rows:
        return None
    split = _column(columns, _SPLIT)
    label = _column(columns, _LABEL)
    rest = [i for i in range(len(columns)) if i not in (file, split)]
    classes: list[str | None]
    if label is None and len(rest) == 1:
        label = rest[0]
    if label is not None:
        classes = [row[label].strip() or None for row in rows]
    elif not rest:
        classes = [None] * len(rows)
    else:
        classes = _one_hot(path, header, rows, rest)
    part = part or part_in_file_name(path.stem)
    if split is not None:
        parts = part_names([row[split].strip() for row in rows], f"{path}, column {header[split]!r}")
    else:
        parts = (part or "",) * len(rows)
    listed = zip((row[file].strip() for row in rows), parts, classes, strict=True)
    return ImageList(path, tuple(ListedRow(*row) for row in listed), split is not None or part is not None)


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable list of images ({error}); save it as UTF-8") from error
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    lines = [row for row in csv.reader(text.splitlines(), delimiter=separator) if any(cell.strip() for cell in row)]
    if not lines:
        return [], []
    header, *rows = lines
    for number, row in enumerate(rows, start=2):
        if len(row) < len(header):
            raise UserError(f"{path}: row {number} has {len(row)} of {len(header)} columns")
    return header, rows


def _column(columns: list[str], names: tuple[str, ...]) -> int | None:
    return next((columns.index(name) for name in names if name in columns), None)


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


class FileIndex:
    """Finds the image that a row of a list means among the images of a tree."""

    def __init__(self, tree: Folder) -> None:
        self.paths: dict[str, tuple[str, ...]] = {}
        self._by_name: dict[str, list[str]] = {}
        for folder in tree.walk():
            for name in folder.images:
                names = (*folder.names, name)
                path = "/".join(names)
                self.paths[path] = names
                for key in {path, name, path.rpartition(".")[0], name.rpartition(".")[0]}:
                    self._by_name.setdefault(key, []).append(path)

    def find(self, written: str, below: str) -> str | None:
        """The path of a file that is written as a path, a name, or a name without ending; None if it is not there.

        below: the folder of the list, or of its part; files in it are preferred.

        Raises:
            UserError: several files have the name.
        """
        path = PurePosixPath(written.replace("\\", "/")).as_posix()
        for candidate in (f"{below}/{path}" if below else path, path):
            if candidate in self.paths:
                return candidate
        for key in (path, path.rpartition("/")[2]):
            found = self._by_name.get(key, [])
            near = [one for one in found if one.startswith(f"{below}/")] if below else []
            found = near or found
            if len(found) > 1:
                raise UserError(f"{written!r} may be {' or '.join(found[:3])}; write the path below the folder")
            if found:
                return found[0]
        return None


@dataclass(frozen=True)
class Listed:
    """The images of lists: path below the root, part and class of each, and notes."""

    rows: tuple[tuple[str, str, str | None], ...]
    layout: str
    notes: tuple[str, ...]
    lists: tuple[Path, ...]


def images_of_lists(tree: Folder, lists: list[ImageList]) -> Listed:
    """The images that the lists name. A file that is not there is kept, to be reported with the unreadable ones.

    Raises:
        UserError: one image with two labels or in two parts, no file of a list is there.
    """
    index = FileIndex(tree)
    rows: dict[str, tuple[str, str | None]] = {}
    for one in lists:
        here = one.path.parent.relative_to(tree.path).as_posix().removeprefix(".")
        missing = 0
        for row in one.rows:
            below = here or next((f.name for f in tree.folders if row.part and part_name(f.name) == row.part), "")
            path = index.find(row.file, below)
            missing += path is None
            place = path or row.file
            told = (row.part, row.class_name)
            if rows.setdefault(place, told) != told:
                raise UserError(
                    f"{one.path}: {row.file} is listed twice, as {_told(rows[place])} and as {_told(told)};"
                    " an image has one class and one part"
                )
        if missing == len(one.rows):
            raise UserError(f"{one.path}: none of its {missing:,} files is below {tree.path}, first {one.rows[0].file}")
    notes = []
    others = [path for path in index.paths if path not in rows]
    if others:
        notes.append(f"left out: {len(others):,} images that no list names: {some(others, 3)}")
    split = any(part for part, _ in rows.values())
    names = some([one.path.relative_to(tree.path).as_posix() for one in lists])
    layout = f"{'parts and labels' if split else 'labels'} from {names}"
    labelled = any(c is not None for _, c in rows.values())
    final = []
    for path, (part, class_name) in rows.items():
        bare = labelled and class_name is None and not part
        final.append((path, UNLABELLED if bare else part, class_name))
    return Listed(tuple(final), layout, tuple(notes), tuple(one.path for one in lists))


def _told(row: tuple[str, str | None]) -> str:
    part, class_name = row
    return " in ".join(filter(None, (class_name or "no class", part)))
