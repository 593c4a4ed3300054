"""Class names that hold a part, too ("defect_train", "testA"): they may be meant as PART/CLASS."""

from __future__ import annotations

import re
from collections.abc import Sequence

from metaclr.data.part_names import part_name
from metaclr.wording import some

_WORD = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+|\d+")


def joined_names(placed: Sequence[tuple[str, str | None]]) -> list[str]:
    """A warning where every class name begins or ends with a part, and two parts share the rest of a name.

    placed: part and class of images; nothing is noted where they have parts.
    """
    names = sorted({name for part, name in placed if name is not None and not part})
    if len(names) < 2 or any(part for part, _ in placed):
        return []
    for place in (0, -1):
        split = [_split(name, place) for name in names]
        parts = {part for part, _ in split}
        rests = [rest for _, rest in split]
        if None not in parts and len(parts) > 1 and len(set(rests)) < len(rests):
            return [
                f"warning: the names {some(names, 4)} are read as {len(names)} classes; if they hold a part and a"
                " class, move the images into folders PART/CLASS"
            ]
    return []


def _split(name: str, place: int) -> tuple[str | None, str]:
    """The part that the first or last word of a name spells, and the other words."""
    words = _WORD.findall(name)
    if len(words) < 2:
        return None, name
    return part_name(words[place]), " ".join(words[1:] if place == 0 else words[:-1])
