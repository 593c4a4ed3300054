"""How far each run of a comparison is, read from its folder while another process works in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from metaclr.comparison.folders.owner import is_in_use
from metaclr.comparison.folders.run_folder import DONE, ERROR
from metaclr.engine.training_curve import NAME as CURVE
from metaclr.engine.training_curve import read as read_curve
from metaclr.errors import UserError
from metaclr.recipe import CONTROLS, read

State = Literal["finished", "failed", "training", "evaluating", "started"]


@dataclass(frozen=True)
class RunState:
    """One run that has a folder. step: of the last line of its curve, 0 before it. loss: there, or None."""

    name: str
    state: State
    step: int = 0
    loss: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class ComparisonState:
    """All runs that have a folder. total: runs of the recipe; steps: of each training; working: a process has it."""

    runs: tuple[RunState, ...]
    total: int
    steps: int
    working: bool

    @property
    def finished(self) -> tuple[str, ...]:
        """Names of the finished runs."""
        return tuple(run.name for run in self.runs if run.state == "finished")

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to wait for."""
        return not self.working and len(self.finished) >= self.total


def comparison_state(folder: Path) -> ComparisonState:
    """The state of the comparison in a folder.

    Raises:
        UserError: not the folder of a comparison.
    """
    if not (folder / "recipe.toml").is_file():
        raise UserError(f"{folder}: no recipe.toml, so this is not the folder of a comparison; start it first")
    recipe = read(folder / "recipe.toml")
    steps = int(recipe.get("train", {}).get("steps", 0))
    paths = sorted(path for path in (folder / "runs").glob("*") if path.is_dir())
    return ComparisonState(
        tuple(_state(path, steps) for path in paths), _total(recipe, len(paths)), steps, is_in_use(folder)
    )


def _total(recipe: Mapping[str, Any], there: int) -> int:
    names = {entry["name"] if isinstance(entry, Mapping) else entry for entry in recipe.get("methods", ())}
    methods = len(recipe.get("methods", ())) + len({*CONTROLS} - names)
    return max(methods * len(recipe.get("sources", ())) * len(recipe.get("seeds", ())), there)


def _state(path: Path, steps: int) -> RunState:
    step, loss = _last(path / CURVE)
    if _is_whole(path / DONE):
        return RunState(path.name, "finished", step, loss)
    if (path / ERROR).is_file():
        lines = (path / ERROR).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return RunState(path.name, "failed", step, loss, lines[-1] if lines else "")
    if not step:
        return RunState(path.name, "started")
    return RunState(path.name, "evaluating" if step >= steps else "training", step, loss)


def _is_whole(path: Path) -> bool:
    try:
        return "digest" in json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def _last(path: Path) -> tuple[int, float | None]:
    """Step and loss of the last whole line of a curve."""
    with suppress(OSError, UserError):  # it may be replaced while it is read
        rows = read_curve(path)
        if rows:
            return int(rows[-1].get("step", 0)), rows[-1].get("loss")
    return 0, None
