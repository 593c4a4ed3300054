"""Attributes of images that lists and arrays hold beside labels: captions, and columns whose values repeat."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

CAPTION = "caption"
"""Name of the attribute that holds captions (`ImageSet.attributes`); several of one image are its lines."""

_CAPTIONS = ("caption", "captions", "text", "sentence", "comment")


def is_caption(name: str) -> bool:
    """Whether a column or an array is called like captions."""
    return re.sub(r"[^a-z0-9]", "", name.lower()) in _CAPTIONS


def is_grouping(values: Sequence[str]) -> bool:
    """Whether values say which images belong together: at least two of them, each of two images on average."""
    return 2 <= len(set(values)) <= len(values) / 2


def one_line(text: str) -> str:
    """A text with blanks for its line breaks."""
    return " ".join(text.split())


class Attributes:
    """Values of images by name of the attribute and path, collected from lists that may name an image repeatedly."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, str]] = {}
        self._several: dict[str, None] = {}

    def add(self, path: str, values: Iterable[tuple[str, str]]) -> None:
        """Values of one image: a further caption is a further line; a second value of an attribute drops it."""
        for name, value in values:
            of = self.values.setdefault(name, {})
            before = of.get(path, "")
            if not value or value == before:
                continue
            if before and name == CAPTION:
                lines = before.split("\n")
                of[path] = before if value in lines else f"{before}\n{value}"
            elif before:
                self._several[name] = None
            else:
                of[path] = value

    def found(self) -> dict[str, dict[str, str]]:
        """The attributes with one value an image, captions with any number."""
        return {name: of for name, of in self.values.items() if of and name not in self._several}

    def notes(self) -> list[str]:
        """What was read, and what has several values for one image."""
        lines = [f"columns: {name} has several values for one image and is not read" for name in self._several]
        return [*lines, *([f"attributes: {', '.join(self.found())}"] if self.found() else [])]


def in_order(found: Mapping[str, Mapping[str, str]], paths: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """One value an image, "" where there is none, of the attributes that some of these images have."""
    rows = {name: tuple(of.get(path, "") for path in paths) for name, of in found.items()}
    return {name: values for name, values in rows.items() if any(values)}
