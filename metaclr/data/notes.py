"""The notes of a set that a reader of its results must see: what may surprise, not what went as usual."""

from __future__ import annotations

from episodes import ImageSet

TURNS_NOTE = "turns:"
"""Begins the note of a set that is published with quarter turns as classes: whether it was read so."""

_SURPRISES = ("left out:", "fit: the crop", "warning:", "frames:", TURNS_NOTE)
"""Beginnings of notes that are printed when a set is loaded, and stand under tables."""


def surprises(image_set: ImageSet) -> list[str]:
    """Notes on what was left out, cut away or read in one of several ways."""
    return [note for note in image_set.notes if note.startswith(_SURPRISES)]
