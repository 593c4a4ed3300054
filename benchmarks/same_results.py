"""Whether two commands left the same results, to the bit; measured times aside."""

from __future__ import annotations

import csv
from pathlib import Path

import torch

TIMED = ("about.json", "report.html", "done.json", "cost.csv", "cost.md", "cost.tex", "cost.html")
"""Files that hold a time, a path of --out, or a hash of a file that does; what they are made of is compared itself."""
SECONDS = {"rows.csv": "train_seconds", "curve.csv": "views_per_second"}
"""The one column of a table that is a measured time."""


def differences(one: Path, two: Path) -> list[str]:
    """Paths, relative to both folders, of files that only one has or whose content differs.

    Of checkpoints the weights, the optimizer's state and the step are compared. Hidden files do not count.
    """
    files = [_files(folder) for folder in (one, two)]
    unequal = [f"{name} is in one alone" for name in files[0] ^ files[1]]
    return sorted(unequal + [name for name in files[0] & files[1] if not _equal(one / name, two / name)])


def _files(folder: Path) -> set[str]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    names = {str(path.relative_to(folder)) for path in found if path.name not in TIMED}
    return {name for name in names if not any(part.startswith(".") for part in Path(name).parts)}


def _equal(one: Path, two: Path) -> bool:
    if one.name in SECONDS:
        return _rows(one) == _rows(two)
    if one.name == "checkpoint.pt":
        first, second = (torch.load(path, weights_only=True) for path in (one, two))
        return all(_same(first[key], second[key]) for key in ("step", "views", "learner", "optimizer"))
    return one.read_bytes() == two.read_bytes()


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [{k: v for k, v in row.items() if k != SECONDS[path.name]} for row in csv.DictReader(file)]


def _same(one: object, two: object) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(two, torch.Tensor) and one.dtype == two.dtype and torch.equal(one, two)
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_same(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(_same, one, two))
    return one == two
