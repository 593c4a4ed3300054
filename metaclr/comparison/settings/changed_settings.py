"""Settings that differ between two recipes or two runs, by name with both values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

IMAGES = ("source images", "target images")
"""Inputs of a run whose values are hashes of images."""
METHOD_FILE = "method file"
"""Input of a run whose value is the hash of a file's text."""


@dataclass(frozen=True)
class Changed:
    """One setting with two values; None where one side does not have it."""

    key: str
    old: Any
    new: Any

    def __str__(self) -> str:
        """'train.lr = 0.1 before, 0.2 now'; of hashes only what they are the hash of."""
        if self.key.startswith(IMAGES):
            _, _, target = self.key.partition(".")
            return f"the images of {f'target {target!r}' if target else 'the source'} have changed"
        if self.key == METHOD_FILE:
            return "the text of the method file has changed"
        old, new = ("unset" if value is None else repr(value) for value in (self.old, self.new))
        return f"{self.key} = {old} before, {new} now"


def changed_settings(old: Any, new: Any, key: str = "") -> Iterator[Changed]:
    """Leaves of two nested mappings that differ, in the order of their dotted keys."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted(old.keys() | new.keys()):
            yield from changed_settings(old.get(name), new.get(name), f"{key}.{name}" if key else name)
    elif old != new:
        yield Changed(key, old, new)


def is_refused(changed: Changed) -> bool:
    """Whether a change needs another folder: all do but a label, and more steps, with which trainings resume."""
    if changed.key == "label":
        return False
    if changed.key == "train.steps" and isinstance(changed.old, int) and isinstance(changed.new, int):
        return changed.new < changed.old
    return True
