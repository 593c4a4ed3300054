"""`metaclr.compare(...)`: several methods, everything else held fixed, one folder of results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.recipe import CompareRecipe, find, read, resolve

if TYPE_CHECKING:
    import pandas as pd

    from episodes import ImageSet
    from metaclr.comparison import Plan
    from metaclr.methods import Method

QUICK = (
    "train.steps=12",
    "train.batch_views=128",
    "evaluate.few_shot.episodes=200",
    "evaluate.low_label.steps=10",
    "evaluate.low_label.fractions=[0.1]",
)
"""What `--quick` changes: every part of the pipeline stays, only smaller."""


def quick_lines(tables: Mapping[str, Any]) -> list[str]:
    """`QUICK` for a recipe as it was read, without the evaluators that it turns off."""
    off = {name for name, value in tables.get("evaluate", {}).items() if value is False}
    return [line for line in QUICK if not (line.startswith("evaluate.") and line.split(".")[1] in off)]


@dataclass(frozen=True)
class Comparison:
    """A finished comparison: its folder, its rows, and why runs failed if any did."""

    folder: Path
    rows: pd.DataFrame
    failures: dict[str, str]

    @property
    def report(self) -> Path:
        """The self-contained page to open or to send."""
        return self.folder / "report.html"


def compare(
    recipe: str | Path | CompareRecipe = "glyphs",
    *,
    methods: Sequence[str | Mapping[str, Any]] | Mapping[str, Method] | None = None,
    sources: Sequence[str] | Mapping[str, ImageSet] | None = None,
    targets: Sequence[str] | Mapping[str, ImageSet] | None = None,
    seeds: Sequence[int] | None = None,
    steps: int | None = None,
    views_mode: str | None = None,
    quick: bool = False,
    out: str | Path | None = None,
    device: str = "auto",
    data_root: str | Path | None = None,
    overrides: Sequence[str] = (),
    jobs: int = 1,
    ray: str | None = None,
    quiet: bool = False,
) -> Comparison:
    """Train every method alike, judge all on the same stored episodes, write tables, figures and a report.

    Args:
        recipe: a shipped name, a TOML file, or a resolved recipe; the arguments below override it.
        methods: names, tables `{"name": ..., "label": ..., "settings": {...}}`, or your own `Method`s by
            name: `{"mine": Method(...), "simclr": "simclr"}`.
        sources, targets: names `NAME[:PART]`, or your own `ImageSet`s by name.
        seeds: training seeds; episodes and label subsets do not depend on them.
        quick: every part of the pipeline in under a minute; the numbers are not to be quoted.
        out: the folder; default `results/NAME`. Finished runs in it are not redone.
        jobs: runs trained at the same time, each in a process of its own.
        ray: spread the runs over a Ray cluster: "local" (this machine), or the address of one that runs.

    Started by torchrun, all ranks train every run together, and the first writes.

    Raises:
        UserError, EpisodeError: bad input, before any work, in one line.
    """
    from metaclr.api.checks import check_arguments
    from metaclr.comparison import execute, plan
    from metaclr.comparison.launcher import check_launcher
    from metaclr.device import choose_device
    from metaclr.engine.distributed import rank_device
    from metaclr.engine.process_group import process_group, run_first_rank_first

    check_arguments(
        recipe=recipe, methods=methods, sources=sources, targets=targets, seeds=seeds, steps=steps,
        views_mode=views_mode, quick=quick, out=out, device=device, data_root=data_root, overrides=overrides,
        jobs=jobs, ray=ray, quiet=quiet,
    )  # fmt: skip
    own_methods, named_methods = own_and_names(methods)
    own_sources, named_sources = own_and_names(sources)
    own_targets, named_targets = own_and_names(targets)
    changes: dict[str, Any] = {
        "methods": named_methods,
        "sources": named_sources,
        "targets": named_targets,
        "seeds": None if seeds is None else list(seeds),
        "views_mode": views_mode,
    }

    def planned() -> Plan:
        check_launcher(jobs, ray, device)
        resolved = _resolve(recipe, changes, quick, recipe_lines(steps, overrides, device))
        return plan(
            resolved,
            Path(out) if out else _default_folder(resolved, recipe, quick),
            device=rank_device(choose_device(device)),
            data_root=Path(data_root) if data_root else None,
            methods=own_methods,
            images={**own_sources, **own_targets},
        )

    with process_group():
        ready = run_first_rank_first(planned)
        rows, failures = execute(ready, jobs=jobs, ray=ray, quiet=quiet)
    return Comparison(ready.out, rows, failures)


def own_and_names(given: Any) -> tuple[dict[str, Any], list[Any] | None]:
    """The caller's own objects by name, and the names of all."""
    if given is None:
        return {}, None
    if isinstance(given, Mapping):
        return {k: v for k, v in given.items() if not isinstance(v, str)}, list(given)
    return {}, list(given)


def recipe_lines(steps: int | None, overrides: Sequence[str], device: str = "auto") -> list[str]:
    """What arguments say of the recipe, as lines of `--set`: a run on a CPU asks a cluster for no GPU."""
    budget = [f"train.steps={steps}"] if steps is not None else []
    return [*budget, *overrides, *(["cluster.gpus=0"] if device == "cpu" else [])]


def _resolve(
    recipe: str | Path | CompareRecipe, changes: Mapping[str, Any], quick: bool, overrides: Sequence[str]
) -> CompareRecipe:
    if isinstance(recipe, CompareRecipe):
        tables = recipe.model_dump(mode="json", exclude_none=True)
    else:
        tables = read(find(str(recipe)))
    tables |= {key: value for key, value in changes.items() if value is not None}
    return resolve(tables, [*(quick_lines(tables) if quick else ()), *overrides])


def _default_folder(resolved: CompareRecipe, recipe: str | Path | CompareRecipe, quick: bool) -> Path:
    """results/NAME for a recipe as it stands; what is overridden gets a folder of its own by hash."""
    name = f"{resolved.name}-quick" if quick else resolved.name
    if not isinstance(recipe, CompareRecipe):
        plain = _resolve(recipe, {}, quick, ())
        there, asked = (r.model_dump(mode="json", exclude={"cluster"}) for r in (plain, resolved))
        if there != asked:
            name = hashed(name, asked)
    return Path("results") / name


def hashed(name: str, content: Any) -> str:
    """The name of a folder for what was asked instead of the plain recipe, with a short hash of it (plain values)."""
    return f"{name}-{hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:6]}"
