"""The folder of a comparison, as the tables, the figures and the report see it."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.errors import UserError
from metaclr.files import write_atomic
from metaclr.methods.families import heading, place
from metaclr.results.store.episode_classes import (
    EpisodeClasses,
    merge_episode_classes,
    read_episode_classes,
    write_episode_classes,
)
from metaclr.results.store.inspections import (
    OF_RUN,
    Pictures,
    read_inspections,
    read_pictures,
    write_inspections,
)
from metaclr.results.store.per_item import read_items, write_items
from metaclr.results.store.rows import Row, merge, read_rows, write_rows
from metaclr.results.store.walk import WalkRecord, read_walk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_GROUPED = 13
"""Methods from which on tables and figures group them by family."""

CONTROLS = ("untrained", "pixels")
"""Methods that are not trained; tables set them apart at the bottom, and they win where they are best."""


@dataclass(frozen=True)
class About:
    """What a comparison knows beside its rows; kept as `about.json`. Everything may be left out.

    methods: title -> {"summary": ..., "reference": ..., "labels": "yes", "no" or "" for a control, "family": its
    name, "positives": source, where one is set}; classes: target -> number of classes (for the chance line); failures:
    run -> reason; audit, remarks: lines for the reader; environment: name -> value.
    """

    methods: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    classes: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    audit: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    command: str = ""


@dataclass(frozen=True)
class Results:
    """Everything read once. `items` has per-item arrays by row id, `training_curves` training curves by run.

    `walked` is there where the methods are the steps of a walk (`metaclr bridge`). `inspections`: what the encoder of
    each run makes of single images, by run, target and name of the array; `pictures`: these images.
    """

    rows: tuple[Row, ...]
    items: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    training_curves: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    recipe_text: str = ""
    about: About = field(default_factory=About)
    walked: WalkRecord | None = None
    episode_classes: EpisodeClasses = field(default_factory=EpisodeClasses)
    inspections: Mapping[str, Mapping[str, Mapping[str, NDArray[Any]]]] = field(default_factory=dict)
    pictures: Pictures = field(default_factory=Pictures)

    @property
    def from_elsewhere(self) -> bool:
        """Whether the rows are of encoders that `metaclr.evaluate` was given: there are no training seeds."""
        return {row.source for row in self.rows} == {"elsewhere"}

    @property
    def controls(self) -> frozenset[str]:
        """Titles of the controls, whatever the recipe labels them."""
        named = {title for title, name in self._entries if name in CONTROLS}
        return frozenset(named | set(CONTROLS))

    @property
    def methods(self) -> tuple[str, ...]:
        """Titles of all methods: in the recipe's order, then as the rows name them; many by family; controls last."""
        found = [title for title, _ in self._entries] + [row.method for row in self.rows] + list(self.failed)
        order = list(dict.fromkeys(found))
        have = {row.method for row in self.rows} | set(self.failed)
        there = [m for m in order if m in have]
        families = {m: self.about.methods.get(m, {}).get("family", "") for m in there}
        if self._is_grouped(families):
            there.sort(key=lambda m: place(families[m]))
        return tuple(sorted(there, key=lambda m: m in self.controls))

    @property
    def families(self) -> dict[str, str]:
        """The family of each method in words; empty where the methods are few, or steps of a walk."""
        found = {m: self.about.methods.get(m, {}).get("family", "") for m in self.methods}
        return {m: heading(family) for m, family in found.items()} if self._is_grouped(found) else {}

    def _is_grouped(self, families: Mapping[str, str]) -> bool:
        return self.walked is None and len(families) >= MIN_GROUPED and any(families.values())

    @property
    def failed(self) -> dict[str, list[str]]:
        """Why runs of a method failed: title -> 'run: reason' lines."""
        found: dict[str, list[str]] = {}
        for run, reason in sorted(self.about.failures.items()):
            found.setdefault(self._method_of(run), []).append(f"{run}: {reason}")
        return found

    def name_of(self, title: str) -> str:
        """The recipe's name of a method, which its title may differ from."""
        return dict(self._entries).get(title, title)

    @property
    def _entries(self) -> list[tuple[str, str]]:
        entries = [{"name": m} if isinstance(m, str) else m for m in self.recipe.get("methods", ())]
        return [(m.get("label") or m["name"], m["name"]) for m in entries]

    def _method_of(self, run: str) -> str:
        # Run folders are METHOD-SOURCE-sSEED; the longest known title that begins the name is the method.
        titles = {title for title, _ in self._entries} | {r.method for r in self.rows} | set(CONTROLS)
        fits = [t for t in titles if run == t or run.startswith(run_prefix(t) + "-")]
        return max(fits, key=len) if fits else run


def collect(
    folder: Path, runs: Iterable[str] | None = None, similarity: Mapping[str, NDArray[np.float32]] | None = None
) -> list[Row]:
    """Merge what `runs/*/` hold into `rows.csv`, `per_item/RUN.npz`, `inspections/RUN.npz`, `episode_classes.npz`.

    Args:
        runs: names of the run folders that belong to the comparison, in the order of the table; default all.
        similarity: how alike the classes of an episode look, see `EpisodeClasses`.

    Raises:
        UserError: a run's rows.csv that does not fit the schema, or one measurement twice.
    """
    names = sorted(p.name for p in (folder / "runs").glob("*")) if runs is None else list(runs)
    there = [folder / "runs" / name for name in names if (folder / "runs" / name / "rows.csv").is_file()]
    rows = merge(read_rows(run / "rows.csv") for run in there)
    for run in there:
        items = read_items(run / "per_item.npz")
        if items:
            write_items(folder / "per_item" / f"{run.name}.npz", items)
        inspected = read_inspections(run / OF_RUN)
        if inspected:
            write_inspections(folder / "inspections" / f"{run.name}.npz", inspected)
    of_runs = merge_episode_classes(read_episode_classes(run) for run in there)
    write_episode_classes(folder, replace(of_runs, similarity=similarity or {}))
    write_rows(folder / "rows.csv", rows)
    return rows


def write_about(folder: Path, about: About) -> None:
    """Write about.json atomically."""
    write_atomic(folder / "about.json", json.dumps(asdict(about), indent=1, ensure_ascii=False) + "\n")


def load(folder: Path, *, failures: Mapping[str, str] | None = None) -> Results:
    """Read a comparison folder: rows.csv, and what there is beside it (per-item results, recipe, about.json, ...).

    Args:
        failures: run (or method) -> reason; default what about.json says.

    Raises:
        UserError: no rows.csv, or a file that cannot be read (names the file).
    """
    folder = Path(folder)
    if not (folder / "rows.csv").is_file():
        raise UserError(f"{folder}: no rows.csv, so this is not the folder of a comparison")
    rows = tuple(read_rows(folder / "rows.csv"))
    about = _read_about(folder / "about.json")
    if failures is not None:
        about = replace(about, failures=dict(failures))
    wanted = {row.id for row in rows}
    items = {key: value for key, value in read_items(folder / "per_item").items() if key in wanted}
    runs = list(dict.fromkeys(row.run for row in rows))
    training_curves = {run: _read_training_curve(folder / "runs" / run) for run in runs}
    training_curves = {run: curve for run, curve in training_curves.items() if curve}
    text = _read_text(folder / "recipe.toml")
    recipe = _parse_recipe(folder / "recipe.toml", text)
    walked, classes = read_walk(folder), read_episode_classes(folder)
    inspections = {run: read_inspections(folder / "inspections" / f"{run}.npz") for run in runs}
    inspections = {run: found for run, found in inspections.items() if found}
    pictures = read_pictures(folder)
    return Results(rows, items, training_curves, recipe, text, about, walked, classes, inspections, pictures)


def run_prefix(title: str) -> str:
    """What the names of a method's runs begin with."""
    return "".join(c if c.isascii() and (c.isalnum() or c == ".") else "-" for c in title).strip("-")


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}") from error


def _parse_recipe(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not valid TOML: {error}") from error


def _read_about(path: Path) -> About:
    if not path.is_file():
        return About()
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        about = About(**stored)
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: not what metaclr wrote: {error}") from error
    return replace(about, audit=tuple(about.audit), remarks=tuple(about.remarks))


def _read_training_curve(run: Path) -> dict[str, NDArray[np.float64]]:
    """Columns of a run's training curve as float64; a line cut short by a kill is left out, a blank is NaN."""
    import numpy as np

    path = run / "curve.csv"
    if not path.is_file():
        return {}
    lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8", errors="replace"))))
    whole = [line for line in lines[1:] if len(line) == len(lines[0])]
    if not whole:
        return {}
    table = np.array([[_float(text) for text in line] for line in whole], dtype=np.float64)
    return {name: table[:, i] for i, name in enumerate(lines[0])}


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
