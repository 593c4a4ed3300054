"""The results of several comparison folders as if they were of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from metaclr.errors import UserError
from metaclr.results.merge.agreement import Disagreement, disagreements
from metaclr.results.merge.renaming import with_rows
from metaclr.results.store.episode_classes import merge_episode_classes
from metaclr.results.store.folder import About, Results
from metaclr.results.store.rows import Row

MAX_NAMED = 4
"""Differences that an error names."""


def merged(folders: Mapping[str, Results], allowed: Sequence[str] = ()) -> Results:
    """All methods of several comparisons, which were run under one protocol.

    A method that two folders measured alike, such as a control, is taken once; one with other seeds adds its seeds.

    Args:
        folders: results by the name of their folder. allowed: settings that may differ; a note under the tables names
            their values. Other episodes or images are never allowed.

    Raises:
        UserError: a walk; a setting that differs; one method with one seed and two results. Names folders and values.
    """
    (first, *others), results = list(folders), list(folders.values())
    for name, one in folders.items():
        if one.walked is not None and others:
            raise UserError(
                f"{name}: the folder of a walk, whose steps are compared with each other; merge comparisons"
            )
    notes: list[str] = []
    for name in others:
        found = disagreements(folders[first], folders[name])
        refused = [d for d in found if d.of_items or not _is_allowed(d, allowed)]
        if refused:
            raise UserError(_refusal(first, name, refused))
        notes += [f"NOT the same: {d.key}: {d.ours} in {first}, {d.theirs} in {name}." for d in found]
    total = results[0]
    for name, one in zip(others, results[1:], strict=True):
        total = _both(total, one, name)
    if not others:
        return total
    about = replace(total.about, remarks=(*total.about.remarks, f"Merged from {', '.join(folders)}.", *notes))
    return replace(total, about=about)


def _is_allowed(d: Disagreement, allowed: Sequence[str]) -> bool:
    return any(_setting(d) == key or _setting(d).startswith(f"{key}.") for key in allowed)


def _setting(d: Disagreement) -> str:
    """The name of a setting without the column that has it, which --allow takes."""
    return d.key.rsplit(": ", 1)[-1]


def _refusal(first: str, name: str, refused: Sequence[Disagreement]) -> str:
    listed = "; ".join(f"{d.key} is {d.ours} and {d.theirs}" for d in refused[:MAX_NAMED])
    more = f"; and {len(refused) - MAX_NAMED} more" if len(refused) > MAX_NAMED else ""
    how = (
        "other episodes or images cannot be compared: leave one folder out"
        if refused[0].of_items
        else "to merge them all the same: " + " ".join(f"--allow {_setting(d)}" for d in refused) + "; a note says so"
    )
    return f"{first} and {name} have different protocols: {listed}{more}; {how}"


def _both(ours: Results, theirs: Results, name: str) -> Results:
    _check_settings(ours, theirs, name)
    theirs = _with_own_runs(_without_doubles(ours, theirs, name), {row.run for row in ours.rows})
    recipe = dict(ours.recipe)
    recipe["methods"] = _unique([*_entries(ours), *_entries(theirs)])
    for key in ("sources", "targets"):
        recipe[key] = _unique([*ours.recipe.get(key, ()), *theirs.recipe.get(key, ())])
    return replace(
        ours,
        rows=(*ours.rows, *theirs.rows),
        items={**ours.items, **theirs.items},
        training_curves={**theirs.training_curves, **ours.training_curves},
        recipe=recipe,
        about=_about(ours.about, theirs.about),
        episode_classes=merge_episode_classes([ours.episode_classes, theirs.episode_classes]),
    )


def _check_settings(ours: Results, theirs: Results, name: str) -> None:
    """Refuse one title for two methods, or for one with other settings."""
    a, b = (
        {e.get("label") or e["name"]: (e["name"], e.get("settings", {})) for e in _entries(r)} for r in (ours, theirs)
    )
    for title in a.keys() & b.keys():
        if a[title] != b[title]:
            one, other = (f"{method} {dict(settings) or ''}".strip() for method, settings in (a[title], b[title]))
            raise UserError(
                f"{title!r} is {one} and, in {name}, {other}: give one of them another name: "
                f"--rename '{name}:{title}=NEW'"
            )


def _without_doubles(ours: Results, theirs: Results, name: str) -> Results:
    """Theirs without the measurements that are ours too.

    Raises:
        UserError: the same measurement with another result.
    """
    known = {_what(row): row for row in ours.rows}
    rest: list[Row] = []
    for row in theirs.rows:
        other = known.get(_what(row))
        if other is None:
            rest.append(row)
        elif abs(other.value - row.value) > 1e-9:
            raise UserError(
                f"{row.method} with seed {row.seed} has {other.value:.2f} and, in {name}, {row.value:.2f} on "
                f"{row.target}, {row.evaluator}: give one of them another name: --rename '{name}:{row.method}=NEW'"
            )
    wanted = {row.id for row in rest}
    return replace(theirs, rows=tuple(rest), items={k: v for k, v in theirs.items.items() if k in wanted})


def _what(row: Row) -> tuple[Any, ...]:
    where = row.method, row.source, row.target, row.evaluator, row.way, row.shot, row.label_subset, row.metric
    return (*where, row.seed)


def _with_own_runs(results: Results, taken: set[str]) -> Results:
    """Rows whose runs have names that are not taken: ids of rows are made from them."""
    names: dict[str, str] = {}
    for run in dict.fromkeys(row.run for row in results.rows):
        number = 2
        names[run] = run
        while names[run] in taken:
            names[run] = f"{run}-{number}"
            number += 1
    curves = {names.get(run, run): curve for run, curve in results.training_curves.items()}
    rows = [replace(row, run=names[row.run]) for row in results.rows]
    return replace(with_rows(results, rows), training_curves=curves)


def _entries(results: Results) -> list[dict[str, Any]]:
    return [{"name": m} if isinstance(m, str) else dict(m) for m in results.recipe.get("methods", ())]


def _unique(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def _about(ours: About, theirs: About) -> About:
    names = dict.fromkeys((*ours.environment, *theirs.environment))
    environment = {
        name: "; ".join(dict.fromkeys(e[name] for e in (ours.environment, theirs.environment) if name in e))
        for name in names
    }
    return About(
        methods={**theirs.methods, **ours.methods},
        classes={**theirs.classes, **ours.classes},
        failures={**theirs.failures, **ours.failures},
        audit=tuple(_unique((*ours.audit, *theirs.audit))),
        remarks=tuple(_unique((*ours.remarks, *theirs.remarks))),
        environment=environment,
        command=ours.command,
    )
