"""A folder of files of arrays: train.npz and test.npz, CIFAR's batches, the .parquet files of a hub data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from episodes import ImageSet
from metaclr.data.arrays.array_files import label_files
from metaclr.data.arrays.formats import format_of
from metaclr.data.arrays.joined_sets import joined
from metaclr.data.arrays.pickled_sets import name_list
from metaclr.data.arrays.safe_pickle import read_pickle
from metaclr.data.lists.csv_lists import part_in_file_name
from metaclr.data.part_names import part_name
from metaclr.data.request import Request
from metaclr.data.tree.file_tree import Folder
from metaclr.errors import UserError
from metaclr.wording import some

_LISTS = frozenset({".csv", ".tsv"})
_META = ("batches.meta", "meta")


def array_files(tree: Folder) -> list[tuple[str, Path]]:
    """The files of arrays in a folder without images, each with its part ("" without); in name order."""
    found: list[tuple[str, Path]] = []
    for folder in tree.walk():
        above = next((part for part in map(part_name, reversed(folder.names)) if part), None)
        for name in folder.others:
            path = folder.path / name
            if path.suffix.lower() not in _LISTS and name not in _META and format_of(path) is not None:
                part = "train" if name.startswith("data_batch") else part_in_file_name(path.stem) or above
                found.append((part or "", path))
    labels = {beside for _, path in found if path.suffix.lower() == ".npy" for beside in label_files(path)}
    return [(part, path) for part, path in found if path not in labels]


def read_array_folder(root: Path, files: list[tuple[str, Path]], request: Request) -> ImageSet:
    """One set of the files of `array_files`; the files of one part follow each other.

    Raises:
        UserError: several files of which one says no part, or files that cannot be read.
    """
    bare = [path.name for part, path in files if not part]
    if len(files) > 1 and bare:
        raise UserError(
            f"{root}: {some(bare)}: of which part? put train, val or test into its name, or give the path of one"
        )
    sets = []
    for part, path in files:
        kind = format_of(path)
        assert kind is not None
        sets.append((part, kind.read(path, replace(request, parts=()))))
    whole = sets[0][1] if len(sets) == 1 and not sets[0][0] else joined(sets, root.resolve().name)
    named = replace(whole, name=root.resolve().name)
    note = f"layout: {some([path.name for _, path in files], 8)}"
    return replace(_with_meta(root, named), notes=(note, *named.notes))


def _with_meta(root: Path, image_set: ImageSet) -> ImageSet:
    """The class names that CIFAR keeps in a file of their own."""
    path = next((root / name for name in _META if (root / name).is_file()), None)
    if path is None or image_set.class_names:
        return image_set
    stored = read_pickle(path)
    lists = (
        {key.decode() if isinstance(key, bytes) else key: value for key, value in stored.items()}
        if isinstance(stored, dict)
        else {}
    )
    for key in ("label_names", "fine_label_names"):
        names = lists.get(key)
        if names is not None and len(names) == image_set.classes:
            return replace(image_set, class_names=tuple(name_list(names)))
    return image_set
