"""The folder of one run: whether it is finished and whole, and what it was made with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.comparison.settings.changed_settings import Changed, changed_settings, is_refused
from metaclr.engine.checkpoint import NAME as CHECKPOINT
from metaclr.engine.process_group import broadcast_from_first
from metaclr.errors import UserError
from metaclr.files import write_atomic
from metaclr.recipe.model import EvaluateRecipe

if TYPE_CHECKING:
    from metaclr.comparison.planning.plan import Plan
    from metaclr.comparison.runs.run import Run
    from metaclr.recipe.model import TrainRecipe

DONE = "done.json"
INPUTS = "inputs.json"
ERROR = "error.txt"
RESULTS = ("rows.csv", "per_item.npz")
"""Files that every finished run has."""


def unfinished(plan: Plan) -> list[Run]:
    """The runs to execute, in the order of the recipe; of several ranks the first looks."""
    names = broadcast_from_first(
        lambda: {run.name for run in plan.runs if not finished(plan.folder(run), plan.digest(run))}
    )
    return [run for run in plan.runs if run.name in names]


def finished(folder: Path, digest: str) -> bool:
    """Whether the folder holds a finished run with this digest, and its results are as they were written."""
    try:
        stored = json.loads((folder / DONE).read_text(encoding="utf-8"))
        written = stored["results"]
        return bool(
            stored["digest"] == digest and written.keys() >= set(RESULTS) and written == _hashes(folder, written)
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def mark_finished(folder: Path, digest: str) -> None:
    """Write done.json, the last file of a run: a killed run never looks finished."""
    names = ["rows.csv", *sorted(path.name for path in folder.glob("*.npz"))]
    write_atomic(folder / DONE, json.dumps({"digest": digest, "results": _hashes(folder, names)}))
    (folder / ERROR).unlink(missing_ok=True)


def read_inputs(folder: Path) -> dict[str, Any]:
    """`inputs`: what the run was started with; `earlier_steps`: totals of steps that it was started with before.

    Empty where the file is missing or damaged: it is written again when the run executes.
    """
    try:
        stored = json.loads((folder / INPUTS).read_text(encoding="utf-8"))
        return stored if isinstance(stored["inputs"], dict) and isinstance(stored["earlier_steps"], list) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write_inputs(folder: Path, inputs: dict[str, Any]) -> None:
    """Write what a run is started with, before it trains."""
    stored = read_inputs(folder)
    earlier, before = stored.get("earlier_steps", []), _steps(stored.get("inputs", {}))
    if before and before != _steps(inputs):
        earlier = [*earlier, before]
    write_atomic(folder / INPUTS, json.dumps({"inputs": inputs, "earlier_steps": earlier}, indent=1))


def check_inputs(plan: Plan) -> None:
    """Refuse a folder whose runs were started with other settings, images or method files.

    Raises:
        UserError: the run, the first setting that differs, and both values.
    """
    for run in plan.runs:
        check_folder(plan.folder(run), plan.inputs(run))


def check_folder(folder: Path, inputs: dict[str, Any]) -> None:
    """Refuse a folder that was started with other inputs, but not for more steps or for a setting younger than itself.

    A folder in which nothing was trained or finished is free: a first try with a wrong setting is no reason to refuse
    the right one.

    Raises:
        UserError: the folder, the first setting that differs, and both values.
    """
    if not any((folder / name).is_file() for name in (CHECKPOINT, DONE)):
        return
    stored = read_inputs(folder).get("inputs")
    for changed in changed_settings(stored, inputs) if stored else ():
        if is_refused(changed) and not _is_younger(changed):
            raise UserError(f"{folder}: {changed}; name another --out, or delete this folder")


def _is_younger(changed: Changed) -> bool:
    """Whether a setting of the evaluation did not exist yet, and has its default: what was done before it existed."""
    first, *names = changed.key.split(".")
    value: Any = EvaluateRecipe().model_dump(mode="json") if first == "evaluate" and changed.old is None else None
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value is not None and value == changed.new


def adopt_renamed(plan: Plan) -> None:
    """Rename the folders of trained runs whose label alone has changed, so that they are not trained again."""
    names = {run.name for run in plan.runs}
    spare = {folder: stored for folder in sorted((plan.out / "runs").glob("*")) if folder.name not in names
             and (stored := read_inputs(folder).get("inputs"))}  # fmt: skip
    for run in plan.runs:
        if not run.method.trained or plan.folder(run).exists():
            continue
        for folder, stored in spare.items():
            if not any(changed.key != "label" for changed in changed_settings(stored, plan.inputs(run))):
                folder.rename(plan.folder(run))
                del spare[folder]
                break


def extended(plan: Plan) -> list[tuple[Run, list[int]]]:
    """Runs whose training resumed with more steps than it was started with, and the earlier totals."""
    totals = [(run, read_inputs(plan.folder(run)).get("earlier_steps", [])) for run in plan.runs]
    return [(run, steps) for run, steps in totals if steps]


def resumed_note(earlier: list[int], train: TrainRecipe) -> str:
    """What a training that resumed with more steps differs in from one in one go; empty where it does not."""
    if not earlier or (train.schedule == "constant" and not train.warmup):
        return ""
    return (
        f"trained for {', then '.join(f'{n:,}' for n in earlier)}, then {train.steps:,} steps; its learning rate"
        f" followed the {train.schedule} schedule of each total, so it differs from a training of {train.steps:,} steps"
        " in one go"
    )


def _steps(inputs: dict[str, Any]) -> int:
    return int(inputs.get("train", {}).get("steps", 0))


def _hashes(folder: Path, names: Iterable[str]) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
