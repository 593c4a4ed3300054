"""Class names that differ in their spelling alone: one class where they are in different parts, else a warning."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

PlacedRow = tuple[tuple[str, ...], str, str | None]
"""Names of the path below the root, part, class."""

_ORDER = ("train", "trainval", "gallery", "support", "val")


def unite_spellings(rows: Sequence[PlacedRow]) -> tuple[list[PlacedRow], list[str]]:
    """The rows with one spelling for a class, and notes.

    Names that differ in Unicode form are one class. Names that differ in case, or in blanks, hyphens and underscores,
    are one class where no part has two of them (train/Cat and test/cat), spelled as in the part to train on; where a
    part has two of them they stay two classes, with a warning.
    """
    parts_of: dict[str, set[str]] = {}
    for _, part, name in rows:
        if name is not None:
            parts_of.setdefault(name, set()).add(part)
    alike: dict[str, list[str]] = {}
    for name in sorted(parts_of):
        alike.setdefault(_plain(name), []).append(name)
    spelling: dict[str, str] = {}
    notes = []
    for names in alike.values():
        if len(names) < 2:
            continue
        one_form = len({unicodedata.normalize("NFC", name) for name in names}) == 1
        held = [part for name in names for part in parts_of[name]]
        if one_form or ("" not in held and len(held) == len(set(held))):
            first = min(names, key=lambda name: min(map(_rank, parts_of[name])))
            spelling |= dict.fromkeys(names, unicodedata.normalize("NFC", first) if one_form else first)
            spelled = ", ".join(f"{name!r} ({', '.join(sorted(parts_of[name])) or 'no part'})" for name in names)
            notes.append(f"classes: {spelled} are read as one class")
        else:
            notes.append(
                f"warning: {', '.join(map(repr, names))} differ in spelling alone, and are read as two classes"
            )
    return [(names, part, spelling.get(name, name) if name is not None else None) for names, part, name in rows], notes


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFC", name).casefold()).strip()


def _rank(part: str) -> int:
    return _ORDER.index(part) if part in _ORDER else len(_ORDER)
