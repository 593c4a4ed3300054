"""`metaclr.compare(...)`: train several methods under one budget, evaluate them alike, write one folder of results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from metaclr.api.checks import refuse_one_text
from metaclr.api.options import OptionArguments, read_options
from metaclr.api.trust import check_trust
from metaclr.errors import UserError
from metaclr.recipe import CompareRecipe, find, for_other_data, read, resolve
from metaclr.recipe.files import SHIPPED
from metaclr.recipe.protocols import with_protocol

if TYPE_CHECKING:
    import pandas as pd

    from episodes import Augmentation, ImageSet, ViewRecipe
    from metaclr.comparison import Plan
    from metaclr.methods import Method

QUICK = (
    "train.steps=8",
    "train.batch_views=192",  # a multiple for every method, and more images than W-MSE's 64 dimensions
    "evaluate.few_shot.episodes=200",
    "evaluate.low_label.steps=10",
    "evaluate.low_label.fractions=[0.1]",
)
"""What `--quick` changes: every part of the pipeline runs, but smaller; an encoder with a width has half of it."""


def quick_lines(tables: Mapping[str, Any]) -> list[str]:
    """`QUICK` for the tables of a recipe, without the evaluators that the recipe turns off, and half the width."""
    off = {name for name, value in tables.get("evaluate", {}).items() if value is False}
    lines = [line for line in QUICK if not (line.startswith("evaluate.") and line.split(".")[1] in off)]
    encoder = tables.get("encoder")
    options = encoder.get("options") if isinstance(encoder, Mapping) else None
    width = options.get("width") if isinstance(options, Mapping) else None
    return [*lines, f"encoder.options.width={width // 2}"] if isinstance(width, int) and width > 1 else lines


@dataclass(frozen=True)
class Comparison:
    """A finished comparison: its folder, its rows, and the reason of each failed run, by run name."""

    folder: Path
    rows: pd.DataFrame
    failures: dict[str, str]

    @property
    def report(self) -> Path:
        """The self-contained HTML page."""
        return self.folder / "report.html"

    def _repr_html_(self) -> str:
        """The main table, for a notebook."""
        from metaclr.results.notebook import results_html
        from metaclr.results.store.rows import from_frame

        numbers = f"{len(self.rows):,} measurements in .rows"
        return results_html(self.folder, from_frame(self.rows), self.failures, numbers=numbers)


def compare(
    recipe: str | Path | CompareRecipe = "glyphs",
    *,
    methods: Sequence[str | Mapping[str, Any]] | Mapping[str, Method] | None = None,
    sources: Sequence[str] | Mapping[str, ImageSet] | None = None,
    views: str | ViewRecipe | Augmentation | Mapping[str, ViewRecipe | Augmentation] | None = None,
    protocol: str | None = None,
    tune: int = 0,
    tune_on: str | None = None,
    tune_steps: int | None = None,
    **options: Unpack[OptionArguments],
) -> Comparison:
    """Train every method under the same budget, evaluate all on the same stored episodes, write tables and a report.

    Args:
        recipe: a shipped name, a TOML file, or a resolved recipe; the arguments below override it.
        methods: names, tables `{"name": ..., "label": ..., "settings": {...}}`, or your own `Method`s by
            name: `{"mine": Method(...), "simclr": "simclr"}`.
        sources: images to train on: names `NAME[:PART]`, or your own `ImageSet`s by name.
        views: the name of a view recipe, your own `ViewRecipe`, or a function of a batch: float32 (B, C, H, W) in
            [0, 1] to random views of the same shape; or several by name, of which the first is used.
        protocol: a published protocol by name (`metaclr.recipe.protocols`): it fixes the evaluation, and names data and
            image size where nothing else does.
        tune: give every method this many trials of its learning rate, temperature and strength of views, measured on
            validation classes of the source (`metaclr.api.tuning`), before the methods are trained and evaluated.
        tune_on: a data set to measure the trials on; None is the source's part `val`, else a quarter of its
            classes. tune_steps: steps of a trial; None for those of the recipe.
        options: targets, seeds, steps, views_mode, quick, out, device, data_root, overrides, jobs, ray, trust, quiet;
            see `metaclr.api.options.Options`.

    Finished runs in the folder are kept, interrupted ones resume from their checkpoints. A run that raises is listed in
    `failures`; the others finish. Started by torchrun, all ranks train every run together, and the first writes.

    Raises:
        UserError, EpisodeError: bad input, or a folder that another process uses; before any work, in one line.
    """
    from metaclr.api.checks import check_arguments
    from metaclr.comparison import execute, plan
    from metaclr.comparison.launching.launcher import check_launcher
    from metaclr.console import notify
    from metaclr.device import choose_device
    from metaclr.engine.distributed import rank_device
    from metaclr.engine.process_group import process_group, run_first_rank_first
    from metaclr.recipe.views import own_views

    given = read_options(options)
    check_arguments(recipe=recipe, methods=methods, sources=sources, protocol=protocol)
    own_methods, method_names = own_and_names(methods, "methods")
    own_sources, source_names = own_and_names(sources, "sources")
    own_targets, target_names = own_and_names(given.targets, "targets")
    of_views, functions = own_views(views) if views is not None else ({}, {})
    changes: dict[str, Any] = {
        **of_views,
        "methods": method_names,
        "sources": source_names,
        "targets": target_names,
        "seeds": None if given.seeds is None else list(given.seeds),
        "views_mode": given.views_mode,
    }

    def _tuned(
        resolved: CompareRecipe, folder: Path, own: Mapping[str, Method], images: Mapping[str, ImageSet]
    ) -> CompareRecipe:
        from metaclr.api.tuning import tune as tune_methods

        if own or functions:
            raise UserError("tune takes methods and views by name; put a method of your own into a .py file")
        return tune_methods(
            resolved, tune, folder, compare=compare, tune_on=tune_on, steps=tune_steps, data_root=given.root,
            images=images, device=given.device, quiet=given.quiet,
        )  # fmt: skip

    with process_group(), ExitStack() as stack:

        def planned() -> Plan:
            check_launcher(given.jobs, given.ray, given.device)
            if methods is None and not isinstance(recipe, CompareRecipe):
                check_trust(find(str(recipe)), trust=given.trust)
            resolved = _resolve(recipe, changes, given.quick, given.recipe_lines, protocol)
            folder = Path(given.out) if given.out else _default_folder(resolved, recipe, given.quick)
            if tune:
                resolved = _tuned(resolved, folder, own_methods, {**own_sources, **own_targets})
            return plan(
                resolved,
                folder,
                device=rank_device(choose_device(given.device)),
                data_root=given.root,
                methods=own_methods,
                images={**own_sources, **own_targets},
                views=functions,
                stack=stack,
            )

        ready = run_first_rank_first(planned)
        for line in () if given.quiet else ready.remarks:
            notify(f"note: {line}")
        rows, failures = execute(ready, jobs=given.jobs, ray=given.ray, quiet=given.quiet)
    return Comparison(ready.out, rows, failures)


def own_and_names(given: Any, argument: str) -> tuple[dict[str, Any], list[Any] | None]:
    """The caller's own objects by name, and the names of all.

    Raises:
        UserError: one text where a list is meant.
    """
    if given is None:
        return {}, None
    refuse_one_text(argument, given)
    if isinstance(given, Mapping):
        return {k: v for k, v in given.items() if not isinstance(v, str)}, list(given)
    return {}, list(given)


def _resolve(
    recipe: str | Path | CompareRecipe,
    changes: Mapping[str, Any],
    quick: bool,
    overrides: Sequence[str],
    protocol: str | None = None,
) -> CompareRecipe:
    is_shipped = False
    if isinstance(recipe, CompareRecipe):
        tables = recipe.model_dump(mode="json", exclude_none=True)
    else:
        path = find(str(recipe))
        tables, is_shipped = read(path), path.parent == SHIPPED
    given = {key: value for key, value in changes.items() if value is not None}
    if list(given.get("sources", ())) and list(given["sources"]) != list(tables.get("sources", ())):
        tables = for_other_data(tables)
        if is_shipped:
            tables |= _about_other_data(tables, given)
    tables |= given
    if protocol is not None:
        tables = with_protocol(tables, protocol, overrides, given=[key for key in given if given[key]])
    return resolve(tables, [*(quick_lines(tables) if quick else ()), *overrides])


def _about_other_data(tables: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, str]:
    """Title and description of a shipped recipe on other sources, for whose readers its own would be wrong."""
    sources, targets = (", ".join(map(str, given.get(key) or tables.get(key, ()))) for key in ("sources", "targets"))
    return {
        "name": "comparison",
        "description": f"Trained on {sources}, evaluated on {targets}, by the recipe {tables['name']!r}.",
    }


def _default_folder(resolved: CompareRecipe, recipe: str | Path | CompareRecipe, quick: bool) -> Path:
    """results/NAME for an unchanged recipe; a changed one gets its own folder, named by a hash of the change."""
    name = f"{resolved.name}-quick" if quick else resolved.name
    if not isinstance(recipe, CompareRecipe):
        plain = _resolve(recipe, {}, quick, ())
        shipped, changed = (
            r.model_dump(mode="json", exclude={"cluster": True, "train": {"loggers"}}) for r in (plain, resolved)
        )
        if shipped != changed:
            name = hashed(name, changed)
    return Path("results") / name


def hashed(name: str, content: Any) -> str:
    """A folder name: `name` and six hex digits of the hash of `content` (plain JSON values)."""
    return f"{name}-{hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:6]}"
