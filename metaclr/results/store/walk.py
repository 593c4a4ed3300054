"""What a comparison folder knows of the walk that it was made for: `bridge.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from metaclr.errors import UserError
from metaclr.files import write_atomic

NAME = "bridge.json"


@dataclass(frozen=True)
class Change:
    """One axis that moved: `roles`, from `leave_one_out`, to `split`, as settings are shown."""

    axis: str
    before: str
    after: str


@dataclass(frozen=True)
class Stage:
    """A step of a walk and the title of the method that it leads to."""

    method: str
    changes: tuple[Change, ...]
    why: str = ""

    @property
    def axis(self) -> str:
        """'roles', or 'shot + query' where they moved together."""
        return " + ".join(change.axis for change in self.changes)

    @property
    def label(self) -> str:
        """'roles: leave_one_out → split'."""
        before, after = (", ".join(getattr(c, side) for c in self.changes) for side in ("before", "after"))
        return f"{self.axis}: {before} → {after}"


@dataclass(frozen=True)
class Walk:
    """One order of the axes. The stages lead from the walk's start to its end."""

    name: str
    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class Measures:
    """Of one method of the walk, a number for each training seed, in the order of the seeds.

    alignment, uniformity: of the encoder's features on the first target, as in `metaclr.diagnose`.
    loss: the last logged training loss. chance: the same loss where all embeddings are alike; None for controls.
    """

    alignment: tuple[float, ...] = ()
    uniformity: tuple[float, ...] = ()
    loss: tuple[float, ...] = ()
    chance: float | None = None


@dataclass(frozen=True)
class WalkRecord:
    """A whole bridge: its ends, one or two walks, and what was measured beside accuracy, by method."""

    start: str
    end: str
    walks: tuple[Walk, ...]
    held: tuple[Change, ...] = ()
    measures: Mapping[str, Measures] = field(default_factory=dict)

    def titles(self, walk: Walk) -> list[str]:
        """The methods that one of its walks passes, from the start to the end."""
        return [self.start, *(stage.method for stage in walk.stages)]


def write_walk(folder: Path, walked: WalkRecord) -> None:
    """Write bridge.json atomically."""
    write_atomic(Path(folder) / NAME, json.dumps(asdict(walked), indent=1, ensure_ascii=False) + "\n")


def read_walk(folder: Path) -> WalkRecord | None:
    """The walk of a folder, or None where it is that of an ordinary comparison.

    Raises:
        UserError: a file that metaclr did not write.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return WalkRecord(
            start=stored["start"],
            end=stored["end"],
            walks=tuple(Walk(w["name"], tuple(_stage(s) for s in w["stages"])) for w in stored["walks"]),
            held=tuple(Change(**c) for c in stored["held"]),
            measures={title: _measures(m) for title, m in stored["measures"].items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: not what metaclr wrote: {error}") from error


def _stage(stored: Mapping[str, Any]) -> Stage:
    return Stage(stored["method"], tuple(Change(**c) for c in stored["changes"]), stored["why"])


def _measures(stored: Mapping[str, Any]) -> Measures:
    series = {name: tuple(stored[name]) for name in ("alignment", "uniformity", "loss")}
    return Measures(**series, chance=stored["chance"])
