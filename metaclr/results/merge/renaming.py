"""Methods, sources and targets under other names, in everything that a comparison's tables read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from metaclr.errors import UserError, unknown
from metaclr.results.store.folder import CONTROLS, Results, run_prefix

if TYPE_CHECKING:
    from metaclr.results.store.rows import Row


def renamed(results: Results, names: Mapping[str, str]) -> Results:
    """The same results with methods, sources and targets renamed; names that do not occur are left alone.

    Raises:
        UserError: a walk, whose steps have names of their own; a new name that another method has.
    """
    names = {old: new for old, new in names.items() if old in known_names(results)}
    if not names:
        return results
    if results.walked is not None:
        raise UserError(f"--rename {next(iter(names))}: the folder is that of a walk, whose steps keep their names")
    for old, new in names.items():
        if old in results.methods and new in results.methods and names.get(new, new) == new:
            raise UserError(f"--rename {old}={new}: there is a method {new!r} already; take another name")
    about = results.about
    recipe = dict(results.recipe)
    recipe["methods"] = _entries(results, names)
    for key in ("sources", "targets"):
        if key in recipe:
            recipe[key] = [names.get(name, name) for name in recipe[key]]
    failures = {_run_of(run, results, names): reason for run, reason in about.failures.items()}
    found = with_rows(
        results,
        [
            replace(
                row,
                method=names.get(row.method, row.method),
                source=names.get(row.source, row.source),
                target=names.get(row.target, row.target),
            )
            for row in results.rows
        ],
    )
    return replace(
        found,
        recipe=recipe,
        about=replace(
            about,
            methods={names.get(title, title): value for title, value in about.methods.items()},
            classes={names.get(target, target): count for target, count in about.classes.items()},
            failures=failures,
        ),
    )


def known_names(results: Results) -> set[str]:
    """Everything that can be renamed: methods, sources and targets."""
    return {*results.methods, *(row.source for row in results.rows), *(row.target for row in results.rows)}


def with_rows(results: Results, rows: Sequence[Row]) -> Results:
    """Results with rows in the place of its own, one for one; what is stored by row moves along."""
    ids = {old.id: new.id for old, new in zip(results.rows, rows, strict=True)}
    stored = results.episode_classes
    return replace(
        results,
        rows=tuple(rows),
        items={ids[key]: value for key, value in results.items.items()},
        episode_classes=replace(
            stored, without={ids[key]: value for key, value in stored.without.items() if key in ids}
        ),
    )


def read_renames(lines: Iterable[str], folders: Mapping[str, Results]) -> dict[str, dict[str, str]]:
    """What `--rename` says, by folder: {folder: {old: new}}.

    Args:
        lines: "OLD=NEW", or "FOLDER:OLD=NEW" for one folder, which is named as in `folders` or by its last part.

    Raises:
        UserError: a line without "=", or a name that no folder has (says the nearest).
    """
    names: dict[str, dict[str, str]] = {folder: {} for folder in folders}
    every = set().union(*(known_names(results) for results in folders.values()))
    for line in lines:
        old, new, where = _parsed(line, folders, every)
        for folder in where:
            names[folder][old] = new
    return names


def _parsed(line: str, folders: Mapping[str, Results], every: set[str]) -> tuple[str, str, list[str]]:
    """Old name, new name, and the folders that are meant; a name may hold "=" and ":"."""
    places = [i for i, letter in enumerate(line) if letter == "="]
    for place in places:
        old, new = line[:place].strip(), line[place + 1 :].strip()
        if not new:
            continue
        if old in every:
            return old, new, list(folders)
        for folder, results in folders.items():
            for prefix in (folder, folder.rstrip("/").rsplit("/", 1)[-1]):
                if old.startswith(f"{prefix}:") and old[len(prefix) + 1 :] in known_names(results):
                    return old[len(prefix) + 1 :], new, [folder]
    if not places:
        raise UserError(f"--rename {line!r}: write OLD=NEW, or FOLDER:OLD=NEW for one folder")
    raise unknown("name in --rename", line[: places[0]].strip(), every)


def _entries(results: Results, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The recipe's methods with new labels; a renamed control is entered, so that it stays one."""
    given = [{"name": m} if isinstance(m, str) else dict(m) for m in results.recipe.get("methods", ())]
    found = [entry | {"label": names.get(title, title)} for entry in given for title in [_title(entry)]]
    there = {_title(entry) for entry in given}
    found += [{"name": c, "label": names[c], "settings": {}} for c in CONTROLS if c in names and c not in there]
    return found


def _title(entry: Mapping[str, Any]) -> str:
    return str(entry.get("label") or entry["name"])


def _run_of(run: str, results: Results, names: Mapping[str, str]) -> str:
    """The name of a failed run under its method's new name: `Results.failed` finds the method by it."""
    method = next((m for m, lines in results.failed.items() if any(x.startswith(f"{run}: ") for x in lines)), run)
    if method not in names:
        return run
    old, new = run_prefix(method), run_prefix(names[method])
    return names[method] if run == method else new + run.removeprefix(old)
