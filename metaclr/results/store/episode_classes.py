"""What intervals for new classes need beside per-episode accuracies: which classes each episode has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.errors import UserError
from metaclr.results.store.arrays import read_arrays, write_arrays

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAME = "episode_classes.npz"
"""The file's name, in a run folder and in the folder of a comparison."""


@dataclass(frozen=True)
class EpisodeClasses:
    """By episode table and by row.

    classes: the `digest` that a row's protocol names -> (E, N) integers, the class of each way.
    without: row id -> (E, N) float32, percent: accuracy when way j is not a possible answer. Stored only where a task
    uses all classes and the head has second-best answers.
    similarity: digest -> (E,) float32, how alike the classes of an episode look (`evaluation.class_similarity`).
    """

    classes: Mapping[str, NDArray[np.integer[Any]]] = field(default_factory=dict)
    without: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    similarity: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


def write_episode_classes(folder: Path, stored: EpisodeClasses) -> None:
    """Write `episode_classes.npz` into a folder, atomically.

    Raises:
        UserError: an array that is not (E, N), or a similarity that is not (E,).
    """
    import numpy as np

    arrays: dict[str, NDArray[Any]] = {}
    for digest, ids in stored.classes.items():
        largest = int(np.asarray(ids).max(initial=0))
        arrays[f"classes/{digest}"] = np.asarray(ids, dtype=np.int16 if largest < 2**15 else np.int64)
    for row, values in stored.without.items():
        arrays[f"without/{row}"] = np.asarray(values, dtype=np.float32)
    for digest, values in stored.similarity.items():
        arrays[f"similarity/{digest}"] = np.asarray(values, dtype=np.float32)
    for key, array in arrays.items():
        axes, shape = (1, "(E,)") if key.startswith("similarity/") else (2, "(E, N)")
        if array.ndim != axes:
            raise UserError(f"{folder / NAME}: {key} must be {shape}, not {array.shape}")
    write_arrays(folder / NAME, arrays, compress=True)


def read_episode_classes(folder: Path) -> EpisodeClasses:
    """Read `episode_classes.npz` of a folder; empty where there is none.

    Raises:
        UserError: a file that is not a whole .npz.
    """
    arrays = read_arrays(folder / NAME, "episode classes")
    parts: dict[str, dict[str, NDArray[Any]]] = {"classes": {}, "without": {}, "similarity": {}}
    for key, array in arrays.items():
        part, _, name = key.partition("/")
        parts.setdefault(part, {})[name] = array
    return EpisodeClasses(parts["classes"], parts["without"], parts["similarity"])


def merge_episode_classes(stored: Iterable[EpisodeClasses]) -> EpisodeClasses:
    """Those of several runs as one: runs share their episode tables."""
    classes: dict[str, NDArray[np.integer[Any]]] = {}
    without: dict[str, NDArray[np.float32]] = {}
    similarity: dict[str, NDArray[np.float32]] = {}
    for one in stored:
        classes |= one.classes
        without |= one.without
        similarity |= one.similarity
    return EpisodeClasses(classes, without, similarity)
