"""Equal tuning: every method gets the same number of trials on the source's validation classes, by Optuna."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.console import notify
from metaclr.errors import UserError
from metaclr.files import write_atomic
from metaclr.recipe import CompareRecipe, MethodEntry

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.api.comparing import Comparison
    from metaclr.comparison.settings.tuning_space import Space


def tune(
    recipe: CompareRecipe,
    trials: int,
    out: Path,
    *,
    compare: Callable[..., Comparison],
    tune_on: str | None = None,
    steps: int | None = None,
    data_root: Path | None = None,
    images: Mapping[str, ImageSet] | None = None,
    device: str = "auto",
    quiet: bool = False,
) -> CompareRecipe:
    """The recipe with tuned methods: learning rate, temperature and strength of the views of each.

    Every method gets `trials` trials over its own space (`tuning_space.space_of`), the first with its defaults, and the
    best by 1-shot accuracy on validation classes, which no method's final training is evaluated on. Trials lie in
    OUT/tuning and are kept; the same call resumes. `tuning.json` there lists all of them.

    Args:
        compare: `metaclr.compare`, which runs the trials.
        tune_on: a data set to measure trials on; None is the source's part `val`, else a quarter of its classes.
        steps: of a trial; None for those of the recipe.

    Raises:
        UserError: Optuna is missing, several sources, no classes to measure them on, or a trial that failed.
    """
    from metaclr.comparison.settings.method_files import find_method
    from metaclr.comparison.settings.tuning_space import (
        folder_of,
        space_of,
        strength_recipes,
        trial_recipe,
        with_values,
    )
    from metaclr.extras import need

    optuna = need("optuna", "--tune")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if trials < 1:
        raise UserError(f"--tune {trials}: at least 1 trial a method")
    source, validation, validated_on = _data(recipe, tune_on, data_root, images or {})
    name, strengths = strength_recipes(recipe, source.channels)
    ways = min(5, validation.classes)
    base = trial_recipe(recipe, strengths, steps, ways)
    lines, tuned, record = [], [], {}

    def run(entry: MethodEntry) -> float:
        result = compare(
            base.model_copy(update={"methods": (entry,), "sources": ("tuning",), "targets": ("validation",)}),
            sources={"tuning": source},
            targets={"validation": validation},
            out=folder_of(out),
            device=device,
            quiet=True,
        )
        if result.failures:
            raise UserError(f"--tune: {next(iter(result.failures.items()))}")
        rows = result.rows
        return float(rows[(rows.method == entry.title) & (rows.evaluator == "few-shot method")].value.iloc[0])

    for entry in recipe.methods:
        method = find_method(entry.name)
        if not method.trained:
            tuned.append(entry)
            continue
        space = space_of(entry, method, recipe, name)

        def run_trial(tried: dict[str, float], number: int, entry: MethodEntry = entry) -> float:
            return run(with_values(entry, tried, f"{entry.title} {number}"))

        values, found = _search(optuna, space, trials, run_trial)
        best = max(range(len(found)), key=lambda i: (found[i], -i))
        record[entry.title] = [{**v, "accuracy": a} for v, a in zip(values, found, strict=True)]
        tuned.append(with_values(entry, values[best], entry.label))
        chosen = ", ".join(f"{key} {value:.3g}" for key, value in values[best].items())
        lines.append(
            f"{entry.title}: trial {best + 1} of {trials} ({chosen}), {found[best]:.1f} on {validated_on}"
            f" (its defaults {found[0]:.1f}); tried {space}"
        )
        if not quiet:
            notify(f"tuned {lines[-1]}")
    write_atomic(folder_of(out) / "tuning.json", json.dumps(record, indent=1))
    about = (
        f"Tuned: {trials} trials of {base.train.steps:,} steps for every method, chosen by {ways}-way 1-shot accuracy"
        f" on {validated_on} over 500 episodes; the first trial is each method's defaults"
    )
    return recipe.model_copy(
        update={
            "methods": tuple(tuned),
            "view_recipes": {**recipe.view_recipes, **strengths},
            "tuning": (about, *lines),
        }
    )


def _data(
    recipe: CompareRecipe, tune_on: str | None, root: Path | None, images: Mapping[str, ImageSet]
) -> tuple[ImageSet, ImageSet, str]:
    """The images that trials train on, those that measure them, and the name of the latter for notes.

    Raises:
        UserError: several sources, or classes in common.
    """
    from episodes import audit
    from metaclr.comparison.planning.load import load_images
    from metaclr.comparison.settings.image_format import with_format
    from metaclr.comparison.settings.tuning_space import validation_split
    from metaclr.data.named_sets import named_sets
    from metaclr.data.reference import parse

    if len(recipe.sources) > 1:
        raise UserError(f"--tune trains on one source, not on {', '.join(recipe.sources)}")
    name = recipe.sources[0]
    unsized = recipe
    recipe, _ = with_format(recipe, lambda: [load_images([name], unsized, root, images)[name]], "cpu")
    source = load_images([name], recipe, root, images)[name]
    reference = parse(name)
    known = None if name in images else named_sets().get(reference.base)
    own = known is not None and reference.parts == ("train",) and "val" in known.parts and bool(known.class_split)
    validated_on = tune_on or (f"{reference.base}:val" if own else "")
    if not validated_on:
        trained, validation = validation_split(source, name)
        return trained, validation, f"{validation.classes} held-out classes of {name}"
    validation = load_images([validated_on], recipe, root, images)[validated_on]
    shared = audit(source, validation).shared_classes
    if shared:
        raise UserError(
            f"--tune-on {validated_on}: {len(shared)} of its classes are trained on; name a set without them"
        )
    return source, validation, validated_on


def _search(
    optuna: Any, space: Space, trials: int, run: Callable[[dict[str, float], int], float]
) -> tuple[list[dict[str, float]], list[float]]:
    """The values and the accuracy of every trial: the defaults, then those that Optuna's TPE sampler proposes."""
    from metaclr.comparison.settings.tuning_space import RATE, RATE_FACTOR, STRENGTHS, TEMPERATURE_FACTOR

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.enqueue_trial(space.defaults)
    values, found = [], []

    def objective(trial: Any) -> float:
        tried = {RATE: trial.suggest_float(RATE, space.rate / RATE_FACTOR, space.rate * RATE_FACTOR, log=True)}
        if space.temperature is not None:
            low, high = space.temperature / TEMPERATURE_FACTOR, space.temperature * TEMPERATURE_FACTOR
            tried["temperature"] = trial.suggest_float("temperature", low, high, log=True)
        if space.strength:
            tried["strength"] = trial.suggest_categorical("strength", STRENGTHS)
        accuracy = run(tried, trial.number + 1)
        values.append(tried)
        found.append(accuracy)
        return accuracy if math.isfinite(accuracy) else 0.0

    study.optimize(objective, n_trials=trials)
    return values, found
