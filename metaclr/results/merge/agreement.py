"""What two comparisons must have in common before their methods may stand in one table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metaclr.results.scores.score import ITEM_KEYS
from metaclr.results.scores.table_column import TableColumn, table_column_of
from metaclr.results.store.folder import Results
from metaclr.results.store.rows import Row

TRAINING = ("size", "channels", "shuffle_labels", "encoder", "views", "views_mode", "view_recipes", "data", "train")
"""Recipe keys that a comparison holds fixed."""

NO_INFLUENCE = {"train.checkpoint_seconds", "train.log_every", "train.compile", "train.cuda_graph"}
"""Keys that do not change a result, but for the order of additions."""


@dataclass(frozen=True)
class Disagreement:
    """A setting with different values. `of_items`: other episodes or images, so that nothing can be paired."""

    key: str
    ours: str
    theirs: str
    of_items: bool = False


def disagreements(ours: Results, theirs: Results) -> list[Disagreement]:
    """Every setting in which two comparisons differ, those of the evaluated items first."""
    found = [*_of_columns(ours, theirs)]
    if not (ours.from_elsewhere or theirs.from_elsewhere):  # encoders from elsewhere have no training that is known
        found += _of_recipes(ours.recipe, theirs.recipe)
        found += _of_encoders(ours, theirs)
    unique = {(d.key, d.ours, d.theirs): d for d in found}
    return sorted(unique.values(), key=lambda d: not d.of_items)


def _of_recipes(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[Disagreement]:
    """Keys that only one recipe has are those of another version, which has the value that was built in before."""
    a, b = (dict(_flat({key: recipe[key] for key in TRAINING if key in recipe})) for recipe in (ours, theirs))
    for one in (a, b):
        one.setdefault("encoder.start", "random weights")
        one["encoder.start"] = one["encoder.start"] or "random weights"
    for key in a.keys() & b.keys() - NO_INFLUENCE:
        if a[key] != b[key]:
            yield Disagreement(key, _shown(a[key]), _shown(b[key]))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _of_encoders(ours: Results, theirs: Results) -> Iterator[Disagreement]:
    a, b = ({row.encoder for row in r.rows if row.method not in r.controls} for r in (ours, theirs))
    if a and b and a != b:
        yield Disagreement("encoder.name", ", ".join(sorted(a)), ", ".join(sorted(b)))


def _of_columns(ours: Results, theirs: Results) -> Iterator[Disagreement]:
    """Protocols of the columns that both have."""
    a, b = _by_column(ours), _by_column(theirs)
    for column in a:
        if column not in b:
            continue
        of_ours, of_theirs = _values(a[column]), _values(b[column])
        for key in of_ours.keys() & of_theirs.keys():
            one, other = of_ours[key], of_theirs[key]
            # A method's own classifier is its own; a value that differs within a folder is not held fixed there.
            own = key == "head" and "method" in column.variant
            if own or one == other or max(len(one), len(other)) > 1:
                continue
            of_items = key in ITEM_KEYS or key == ""
            where = f"{column.target}, {column.title}"
            name = f"{where}: {key or 'protocol'}"
            yield Disagreement(name, next(iter(one)), next(iter(other)), of_items)


def _by_column(results: Results) -> dict[TableColumn, list[Row]]:
    """Rows by column, whatever the source: the source is not evaluated on."""
    found: dict[TableColumn, list[Row]] = {}
    for row in results.rows:
        column = table_column_of(row)
        found.setdefault(TableColumn("", *list(vars(column).values())[1:]), []).append(row)
    return found


def _values(rows: Sequence[Row]) -> dict[str, set[str]]:
    """The values of each key of the protocols; "" is the key of a protocol without keys."""
    found: dict[str, set[str]] = {}
    for row in rows:
        for key, value in (row.protocol_pairs or {"": row.protocol}).items():
            found.setdefault(key, set()).add(_rule(value))
    return found


def _rule(value: str) -> str:
    """'0.01 (best of 5 ...)' as 'best of 5 ...': a chosen number differs by method, the rule does not."""
    chosen = re.fullmatch(r"[\d.e+-]+ \((best of .*)\)", value)
    return chosen[1] if chosen else value


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
