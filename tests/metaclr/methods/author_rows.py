"""What a row of `authors.py` is: the set-up of the authors' training, aspect by aspect.

Each row holds what the named repository or paper has, not what this package has. Where the two differ, the row names
the aspect with words that must stand under "Differs from the authors" in the method's file. Widths, optimizer and
budget are the comparison's for all methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

L, B, A, R, N, F = "linear", "linear without bias", "norm without weight", "relu", "norm", "norm with frozen bias"
G = "gelu"
PLAIN, AUGMENTED = "plain", "augmented"

DEFAULTS: dict[str, Any] = {
    "projector": (B, N, R, L),
    "predictor": (),
    "momentum": None,
    "task": (1, 1),
    "views": (AUGMENTED, AUGMENTED),
    "way_type": "instances",
    "labels": "instance",
    "episode_head": "",
    "task_transform": "",
    "reconstruction": 0.0,
}
"""Aspects of a row unless it says otherwise: two augmented views of unlabeled images, SimCLR-like projector."""


class SetUp:
    """A row: the authors' aspects; settings of the objective by their path; and where this package differs."""

    def __init__(self, source: str, differs: Mapping[str, str] | None = None, **aspects: Any) -> None:
        self.source, self.differs = source, dict(differs or {})
        self.settings: dict[str, Any] = aspects.pop("settings", {})
        self.aspects = {**DEFAULTS, **aspects}


def of_classes(source: str, differs: Mapping[str, str] | None = None, **aspects: Any) -> SetUp:
    """A row of a few-shot method: labeled classes, images as they are, no projector."""
    given = {"way_type": "classes", "labels": "given", "views": (PLAIN, PLAIN), "projector": ()}
    return SetUp(source, differs, **{**given, **aspects})
