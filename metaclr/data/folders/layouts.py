"""Which folder level is the part, which the class: the layouts of image folders (docs/data.md states the rules)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, get_args

from metaclr.data.folders.joined_names import joined_names
from metaclr.data.part_names import SPELLINGS, UNLABELLED, part_name, parts_of
from metaclr.data.tree.file_tree import Folder, left_out_files
from metaclr.errors import UserError
from metaclr.wording import some

Layout = Literal["auto", "flat", "CLASS", "GROUP/CLASS", "PART/CLASS", "PART/GROUP/CLASS", "CLASS/PART"]
LAYOUTS: tuple[str, ...] = get_args(Layout)

IMAGE_FOLDERS = frozenset({"images", "image", "imgs", "img", "jpegimages"})
"""Folders that only hold the images of the folder they lie in (Tiny ImageNet's CLASS/images), in lower case."""

_LABELLED = frozenset({"labelled", "labeled", "annotated", "label"})
"""A folder beside one of unlabelled images that only holds the class folders, in lower case."""


@dataclass(frozen=True)
class Placed:
    """The images of one folder: part ("" without parts) and class (None without a label)."""

    folder: Folder
    part: str
    class_name: str | None


@dataclass
class Reading:
    """How a tree is read: its layout, the part and class of each folder with images, and notes."""

    layout: str
    placed: list[Placed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, folder: Folder, part: str, depth: int, *, labelled: bool = True) -> None:
        """Place all folders with images below `folder`; the class is the path from level `depth` on."""
        for inner in folder.walk():
            if inner.images:
                names = class_path(inner.names[depth:])
                self.placed.append(Placed(inner, part, "/".join(names) if labelled and names else None))


def class_path(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of a class folder; a last one such as "images" is no class of its own."""
    return names[:-1] if len(names) > 1 and names[-1].lower() in IMAGE_FOLDERS else names


def read_layout(tree: Folder, layout: str = "auto") -> Reading:
    """Find, or take, the layout of a tree and place its folders.

    Raises:
        UserError: no image, an empty class folder, an unknown part beside known ones, an unknown layout.
    """
    layout = next((one for one in LAYOUTS if one.casefold() == layout.casefold()), layout)
    if layout not in LAYOUTS:
        raise UserError(f"layout = {layout!r} is none of {', '.join(LAYOUTS)}")
    notes: list[str] = []
    root = _unwrap(tree, notes)
    if not root.has_images:
        empty = f"; {root.folders[0].name!r} has no image either" if root.folders else ""
        held = "".join(f"; {note.removeprefix('left out: ')}" for note in left_out_files(root))
        raise UserError(f"{root.path}: no image, so no class folders; images go into {root.name}/CLASS/{empty}{held}")
    reading = _find(root) if layout == "auto" else _take(root, layout)
    reading.notes[:0] = notes
    if not reading.placed:
        raise UserError(f"{root.path}: has no folders to read as {layout}; images lie in it directly: layout = 'flat'")
    _check_empty_folders(root, reading)
    _note_shared_names(reading)
    reading.notes += joined_names([(p.part, p.class_name) for p in reading.placed])
    return reading


def _unwrap(root: Folder, notes: list[str]) -> Folder:
    """Step into a folder that only wraps others (birds/birds/train), or that holds all the images (birds/images)."""
    while not root.images and len(root.filled) == 1:
        inner = root.filled[0]
        only_images = inner.name.lower() in IMAGE_FOLDERS
        only = len(root.folders) == 1 or only_images or (inner.filled and all(part_name(f.name) for f in inner.filled))
        wraps = bool(inner.filled) and not inner.images
        if part_name(inner.name) or not only or not (wraps or only_images):
            break
        notes.append(f"layout: everything lies in the folder {inner.name}, so it is read from there")
        notes += [f"left out: folder {f.name}, which has no image" for f in root.folders if f is not inner]
        root = inner
    return root


def _find(root: Folder) -> Reading:
    depth = len(root.names)
    if not root.filled:
        reading = Reading("flat: images without labels")
        reading.add(root, "", depth, labelled=False)
        return reading
    parts = parts_of([folder.name for folder in root.filled])
    known = {name: part for name, part in parts.items() if part}
    unknown = [name for name, part in parts.items() if not part]
    if known and not unknown:
        return _by_parts(root, {name: str(part) for name, part in known.items()})
    if set(known.values()) == {UNLABELLED}:
        return _beside_unlabelled(root)
    if known:
        _refuse_mixture(root, known, unknown)
    level = _part_level(root)
    if level:
        return _classes_first(root, level)
    reading = Reading("CLASS")
    _note_loose(root, reading)
    for folder in root.filled:
        reading.add(folder, "", depth)
    if all("/" in str(p.class_name) for p in reading.placed):
        reading.layout = "GROUP/CLASS"
    if known:
        reading.notes.append(f"warning: {some(list(known))} is read as a class: no other folder beside it is a part")
    both = [f for top in root.filled for f in top.walk() if f.images and f.filled and len(class_path(f.names)) > depth]
    both = [f for f in both if not all(inner.name.lower() in IMAGE_FOLDERS for inner in f.filled)]
    if both:
        named = some(["/".join(f.names[depth:]) for f in both])
        reading.notes.append(
            f"warning: {named} holds images and folders of images: each folder is read as a class of its own;"
            " layout = 'CLASS' takes all images below a top folder as one class"
        )
    return reading


def _by_parts(root: Folder, parts: dict[str, str], *, groups: bool = True) -> Reading:
    twice = [part for part, count in Counter(parts.values()).items() if count > 1]
    if twice:
        same = [name for name, part in parts.items() if part == twice[0]]
        raise UserError(
            f"{root.path}: folders {' and '.join(same)} both mean the part {twice[0]!r}; rename one of them"
        )
    reading = Reading("PART/CLASS")
    _note_loose(root, reading)
    for folder in root.filled:
        part, inner = parts[folder.name], folder
        while not inner.images and len(inner.folders) == 1 and part_name(inner.folders[0].name) == part:
            inner = inner.folders[0]  # seg_train/seg_train/CLASS
        flat = not inner.filled or all(f.name.lower() in IMAGE_FOLDERS and not f.filled for f in inner.filled)
        if flat or part == UNLABELLED:
            reading.add(inner, part, len(inner.names), labelled=False)
            continue
        _note_loose(inner, reading)
        for class_folder in inner.filled:
            for f in class_folder.walk() if groups else ():
                if f.images:
                    name = "/".join(class_path(f.names[len(inner.names) :]))
                    reading.placed.append(Placed(f, part, name))
            if not groups:
                reading.placed += [Placed(f, part, class_folder.name) for f in class_folder.walk() if f.images]
    names = [p.class_name for p in reading.placed if p.class_name is not None]
    if not names:
        reading.layout = "PART: images without labels"
    elif all("/" in name for name in names):
        reading.layout = "PART/GROUP/CLASS"
    renamed = [f"{name} is {part}" for name, part in parts.items() if name != part]
    if renamed:
        reading.notes.append(f"parts: {', '.join(renamed)}")
    return reading


def _beside_unlabelled(root: Folder) -> Reading:
    reading = Reading("CLASS")
    _note_loose(root, reading)
    for folder in root.filled:
        unlabelled = part_name(folder.name) == UNLABELLED
        wraps = folder.name.lower() in _LABELLED and not folder.images and len(root.filled) == 2
        depth = len(root.names) + wraps
        reading.add(folder, UNLABELLED if unlabelled else "", depth, labelled=not unlabelled)
    if all("/" in p.class_name for p in reading.placed if p.class_name is not None):
        reading.layout = "GROUP/CLASS"
    return reading


def _refuse_mixture(root: Folder, known: dict[str, str], unknown: list[str]) -> None:
    """Refuse folders that are no parts beside some that are; one folder with images alone may be a class."""
    like_parts = [f for f in root.filled if f.name in known and f.filled]
    if len(set(known.values())) < 2 and not like_parts:
        return
    verb = "is" if len(unknown) == 1 else "are"
    raise UserError(
        f"{root.path}: {some(unknown)} {verb} in the way: no known part, and with images, beside {some(list(known))}"
        f" (parts are {', '.join(SPELLINGS)}); rename or move it, or say layout = 'PART/CLASS' (every folder is a"
        " part) or 'GROUP/CLASS' (none is)"
    )


def _part_level(root: Folder) -> int | None:
    """The level below the root (1, 2, ...) at which every path to an image has the name of a part.

    Raises:
        UserError: some class folders hold parts, and others do not.
    """
    paths = [f.names[len(root.names) :] for f in root.walk() if f.images and f is not root]
    for level in range(1, min(map(len, paths), default=0)):
        if all(part_name(names[level]) for names in paths):
            return level
    for folder in root.walk():
        inner = {part_name(f.name) for f in folder.filled} - {None}
        if folder is not root and len(inner) > 1:
            at = len(folder.names) - len(root.names)
            other = next((n for n in paths if len(n) <= at or not part_name(n[at])), paths[0])
            raise UserError(
                f"{folder.path}: holds the parts {' and '.join(sorted(map(str, inner)))}, but {'/'.join(other)} is in"
                " no part; give every class its parts, or say layout = 'GROUP/CLASS' or 'CLASS'"
            )
    return None


def _classes_first(root: Folder, level: int) -> Reading:
    depth, reading = len(root.names), Reading("CLASS/PART" if level == 1 else "GROUP/CLASS/PART")
    _note_loose(root, reading)
    renamed: dict[str, str] = {}
    for folder in root.walk():
        names = folder.names[depth:]
        if folder.images and names:
            part = str(part_name(names[level]))
            renamed |= {names[level]: part} if names[level] != part else {}
            name = "/".join(class_path((*names[:level], *names[level + 1 :])))
            reading.placed.append(Placed(folder, part, name))
    if renamed:
        reading.notes.append(f"parts: {', '.join(f'{name} is {part}' for name, part in renamed.items())}")
    return reading


def _take(root: Folder, layout: str) -> Reading:
    """The layout that was asked for; names of parts that are not known are kept."""
    depth, reading = len(root.names), Reading(f"{layout}, as given")
    if layout == "flat":
        reading.add(root, "", depth, labelled=False)
        return reading
    if layout.startswith("PART"):
        parts = {f.name: part_name(f.name) or f.name for f in root.filled}
        return _by_parts(root, parts, groups=layout == "PART/GROUP/CLASS")
    _note_loose(root, reading)
    for folder in root.walk():
        names = folder.names[depth:]
        if not folder.images or not names:
            continue
        if layout == "CLASS/PART":
            if len(names) < 2:
                raise UserError(f"{folder.path}: holds images beside its parts; layout = {layout!r} needs CLASS/PART/")
            name = "/".join(class_path((names[0], *names[2:])))
            reading.placed.append(Placed(folder, part_name(names[1]) or names[1], name))
        else:
            name = names[0] if layout == "CLASS" else "/".join(class_path(names))
            reading.placed.append(Placed(folder, "", name))
    return reading


def _note_loose(folder: Folder, reading: Reading) -> None:
    if folder.images:
        count, where = len(folder.images), folder.name
        reading.notes.append(
            f"left out: {count:,} image{'s' * (count > 1)} directly in {where}, which have no class"
            f" (first {folder.images[0]}); layout = 'flat' reads all images without labels"
        )


def _check_empty_folders(root: Folder, reading: Reading) -> None:
    """Name folders without images that mean nothing; refuse those that stand where a class does."""
    parts = reading.layout.startswith("PART")
    classes = {p.class_name for p in reading.placed}
    left: list[str] = []
    for parent in root.walk():
        if parent is not root and not parent.has_images:
            continue
        holds_images = bool(parent.images) or bool(
            parent.filled and all(f.name.lower() in IMAGE_FOLDERS for f in parent.filled)
        )
        for folder in parent.folders:
            if folder.has_images:
                continue
            names = folder.names[len(root.names) :]
            beside_parts = (parts and parent is root) or any(
                part_name(f.name) for f in parent.filled if "/PART" in reading.layout
            )
            elsewhere = parts and "/".join(class_path(names[1:])) in classes
            if beside_parts or elsewhere or (holds_images and parent is not root):
                left.append("/".join(names))
            else:
                held = f" (it holds {some(folder.others)})" if folder.others else ""
                raise UserError(
                    f"{folder.path}: no image in this class folder{held}; remove it, or begin its name with a dot"
                )
    if left:
        folders = "folder" if len(left) == 1 else f"{len(left):,} folders"
        reading.notes.append(f"left out: {folders} without images: {some(left)}")


def _note_shared_names(reading: Reading) -> None:
    """Note classes of one name in several groups: the groups may be meant as parts."""
    names = {p.class_name for p in reading.placed if p.class_name is not None}
    if len(names) < 2 or not all("/" in name for name in names):
        return
    groups: dict[str, set[str]] = {}
    for name in names:
        group, _, inner = name.partition("/")
        groups.setdefault(group, set()).add(inner)
    held = Counter(inner for inside in groups.values() for inner in inside)
    shared = [inner for inner, count in held.items() if count > 1]
    if len(groups) < 2 or 2 * len(shared) < len(held) or (len(held) == 1 and reading.layout != "GROUP/CLASS"):
        return
    which = f"all {len(groups)} groups" if min(held.values()) == len(groups) else f"{len(groups)} groups"
    how = "the same" if min(held.values()) == len(groups) else f"{len(shared)} of"
    reading.notes.append(
        f"warning: {which} ({some(sorted(groups))}) hold {how} {len(held)} class names, and are read as GROUP/CLASS,"
        f" {len(names)} classes; if the groups are parts, say layout = 'PART/CLASS'"
        f" or rename them to {', '.join(list(SPELLINGS)[:3])}"
    )
