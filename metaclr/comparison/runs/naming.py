"""The runs of a recipe, each with a title in tables and a folder name that no other run shares."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.comparison.labels.positives_setting import KEY, declared
from metaclr.comparison.runs.run import Run
from metaclr.comparison.settings.method_files import find_method, method_text
from metaclr.errors import UserError
from metaclr.recipe import CONTROLS

if TYPE_CHECKING:
    from episodes import Augmentation
    from metaclr.methods import Method
    from metaclr.recipe import CompareRecipe, MethodEntry


def label_method_files(recipe: CompareRecipe) -> CompareRecipe:
    """The recipe whose methods given as .py files are labeled by their stems; alike stems by their folders too."""
    unlabeled = [Path(e.name) for e in recipe.methods if e.name.endswith(".py") and not e.label]
    taken = Counter([path.stem for path in unlabeled] + [e.title for e in recipe.methods if not e.name.endswith(".py")])
    labels: dict[str, str] = {}
    for path in unlabeled:
        label = path.stem if taken[path.stem] == 1 else f"{path.parent.name or '.'}/{path.stem}"
        # Equal folder names too: number them, so that a label stays readable.
        number = sum(other == label or other.startswith(f"{label} (") for other in labels.values())
        labels[str(path)] = f"{label} ({number + 1})" if number else label
    entries = tuple(
        e.model_copy(update={"label": labels[str(Path(e.name))]}) if e.name.endswith(".py") and not e.label else e
        for e in recipe.methods
    )
    return recipe.model_copy(update={"methods": entries})


def runs_of(
    recipe: CompareRecipe,
    methods: Mapping[str, Method] | None = None,
    views: Mapping[str, Augmentation] | None = None,
) -> tuple[Run, ...]:
    """Every method on every source with every seed, sources outermost; run names are distinct.

    Args:
        methods: the caller's own methods by name. views: the caller's own view functions by name.

    Raises:
        UserError: an unknown method, a label that belongs to a control, two labels that differ only in punctuation.
    """
    entries = [entry_with_positives(entry, recipe.positives) for entry in recipe.cells_methods]
    check_labels(entry.title for entry in entries)
    resolved = {}
    for entry in entries:
        method = resolved[entry.title] = declared(find_method(entry.name, methods), entry.settings)
        if entry.title in CONTROLS and (entry.title != entry.name or method.trained):
            raise UserError(f"label {entry.title!r} names a control of every table; give {entry.name!r} another label")
    own = methods or {}
    texts = {entry.title: "" if entry.name in own else method_text(entry.name) for entry in entries}
    runs = [
        Run(entry, resolved[entry.title], source, seed, text=texts[entry.title], callables=views or {})
        for source in recipe.sources
        for seed in recipe.seeds
        for entry in entries
    ]
    return tuple(distinct_names(runs))


def entry_with_positives(entry: MethodEntry, source: str) -> MethodEntry:
    """The entry with the recipe's source of positives, unless it has one of its own or is a control."""
    if not source or entry.name in CONTROLS or KEY in entry.settings:
        return entry
    return entry.model_copy(update={"settings": {KEY: source, **entry.settings}})


def check_labels(labels: Iterable[str]) -> None:
    """Refuse labels that would share a run folder.

    Raises:
        UserError: names both.
    """
    first: dict[str, str] = {}
    for label in labels:
        other = first.setdefault(slug(label), label)
        if other != label:
            raise UserError(
                f"labels {other!r} and {label!r} differ only in punctuation or case, and would share a run folder; "
                "rename one"
            )


def slug(label: str) -> str:
    """What is left of a label in a folder's name; case is ignored, as some file systems do."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", label).strip("-").casefold()


def distinct_names(runs: Sequence[Run]) -> list[Run]:
    """The runs; those whose names would be equal, such as of sources `s_1` and `s-1`, get a short hash each."""
    count = Counter(run.name.casefold() for run in runs)
    return [
        replace(run, mark=hashlib.sha256(f"{run.entry.title}\x1f{run.source}".encode()).hexdigest()[:6])
        if count[run.name.casefold()] > 1
        else run
        for run in runs
    ]
