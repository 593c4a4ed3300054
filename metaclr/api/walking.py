"""`metaclr.bridge_walk(a, b)`: from one method to another, one axis at a time, under one budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.api.comparing import Comparison, hashed, own_and_names, quick_lines, recipe_lines
from metaclr.errors import UserError
from metaclr.recipe import CompareRecipe, MethodEntry, find, names, read, resolve

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.comparison import Plan
    from metaclr.methods import Method
    from metaclr.walk.prepare import WalkPlan

FEW_SHOT_ONLY = ("evaluate.linear=false", "evaluate.knn=false", "evaluate.low_label=false")
"""A walk has many steps, so that of a shipped recipe the cheap evaluators run; a TOML file is taken as it is."""

SEEDS = (0, 1)
"""Of a shipped recipe: what an axis is worth is to be read against training again."""


def bridge_walk(
    a: str | Method,
    b: str | Method,
    recipe: str | Path = "glyphs",
    *,
    order: Sequence[str] = (),
    both_orders: bool = False,
    source: str | Mapping[str, ImageSet] | None = None,
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
    """Walk from `a` to `b` one axis at a time, train every step alike, and say what each axis is worth.

    The steps are the methods of one comparison: the same data, encoder, budget of views and stored episodes; a
    finished step is not redone. The first and the last step are exactly `a` and `b`.

    Args:
        a, b: names, .py files, or your own `Method`s; both settings of the nine axes (`metaclr methods show`).
        recipe: data, encoder, views, budget and evaluators; its methods are not looked at. A shipped recipe is
            taken with two seeds and its few-shot evaluators, a TOML file as it is.
        order: the axes to move first, in this order; `"shot+query"` moves two together.
        both_orders: walk the axes in the opposite order too, which shows how they interact.
        source: what to train on, `NAME[:PART]`, or one `ImageSet` by name. The others are as in `compare`.
        out: the folder; default `results/bridge-A-B`.
        jobs, ray: as in `compare`.

    Returns:
        The comparison; its folder has `tables/bridge.*`, `figures/bridge.*` and the report.

    Started by torchrun, all ranks train every step together, and the first writes.

    Raises:
        UserError, EpisodeError: bad input, before any training, in one line.
    """
    from metaclr.api.checks import check_arguments
    from metaclr.comparison import plan
    from metaclr.comparison.launcher import check_launcher
    from metaclr.device import choose_device
    from metaclr.engine.distributed import rank_device
    from metaclr.engine.process_group import process_group, run_first_rank_first
    from metaclr.walk.execute import check_folder, execute

    check_arguments(
        a=a, b=b, recipe=recipe, order=order, both_orders=both_orders, targets=targets, seeds=seeds, steps=steps,
        views_mode=views_mode, quick=quick, out=out, device=device, data_root=data_root, overrides=overrides,
        jobs=jobs, ray=ray, quiet=quiet, **({} if source is None else {"source": source}),
    )  # fmt: skip

    def planned() -> tuple[Plan, WalkPlan]:
        check_launcher(jobs, ray, device)
        prepared, resolved, images = plan_bridge(
            a, b, recipe, order=order, both_orders=both_orders,
            source=source, targets=targets, seeds=seeds, views_mode=views_mode,
            quick=quick, data_root=data_root, overrides=recipe_lines(steps, overrides, device),
        )  # fmt: skip
        folder = Path(out) if out else _default_folder(resolved, order, quick)
        check_folder(folder, prepared.walked())
        own_targets, _ = own_and_names(targets)
        ready = plan(
            resolved,
            folder,
            device=rank_device(choose_device(device)),
            data_root=Path(data_root) if data_root else None,
            methods=prepared.methods,
            images={**own_targets, resolved.sources[0]: images},
        )
        return ready, prepared

    with process_group():
        ready, prepared = run_first_rank_first(planned)
        walked = prepared.walked()
        ends = [end if isinstance(end, str) else title for end, title in ((a, walked.start), (b, walked.end))]
        asked = [*([f"--order {','.join(order)}"] if order else []), *(["--both-orders"] if both_orders else [])]
        command = " ".join(["metaclr bridge", *ends, str(ready.out / "recipe.toml"), *asked])
        rows, failures = execute(ready, prepared, jobs=jobs, ray=ray, quiet=quiet, command=command)
    return Comparison(ready.out, rows, failures)


def plan_bridge(
    a: str | Method,
    b: str | Method,
    recipe: str | Path = "glyphs",
    *,
    order: Sequence[str] = (),
    both_orders: bool = False,
    source: str | Mapping[str, ImageSet] | None = None,
    targets: Sequence[str] | Mapping[str, ImageSet] | None = None,
    seeds: Sequence[int] | None = None,
    steps: int | None = None,
    views_mode: str | None = None,
    quick: bool = False,
    data_root: str | Path | None = None,
    overrides: Sequence[str] = (),
) -> tuple[WalkPlan, CompareRecipe, ImageSet]:
    """The steps of `bridge_walk`, each tried on one batch but not trained, with the recipe and the source.

    Raises:
        UserError, EpisodeError: as `bridge_walk`.
    """
    from metaclr.comparison.method_files import find_method
    from metaclr.data import adapt, load
    from metaclr.walk.axis_changes import changes_between
    from metaclr.walk.path import find_path
    from metaclr.walk.prepare import budget_of, prepare_walk

    first, last = find_method(a), find_method(b)
    changes_between(first, last)  # refuses what is off the bridge before data are loaded
    own, source_names = own_and_names([source] if isinstance(source, str) else source)
    _, target_names = own_and_names(targets)
    changes: dict[str, Any] = {
        "name": f"bridge-{first.name or 'start'}-{last.name or 'end'}",
        "description": f"From {first.name or 'start'} to {last.name or 'end'}, one axis at a time.",
        "sources": source_names,
        "targets": target_names,
        "seeds": None if seeds is None else list(seeds),
        "views_mode": views_mode,
    }
    resolved = _resolve(recipe, changes, quick, recipe_lines(steps, overrides))
    find_path(first, last, order=order, budget=budget_of(resolved))  # the order, too
    name = resolved.sources[0]
    root = Path(data_root) if data_root else None
    size, channels = resolved.size, resolved.channels
    images = (
        adapt(own[name], size=size, channels=channels)
        if name in own
        else load(name, root, size=size, channels=channels)
    )
    prepared = prepare_walk(first, last, resolved, images, order=order, both_orders=both_orders)
    entries = tuple(MethodEntry(name=title) for title in prepared.methods)
    return prepared, resolved.model_copy(update={"methods": entries}), images


def _resolve(recipe: str | Path, changes: Mapping[str, Any], quick: bool, overrides: Sequence[str]) -> CompareRecipe:
    """The recipe of a walk, but for its methods.

    Raises:
        UserError: not one source, or no few-shot evaluation.
    """
    tables = read(find(str(recipe)))
    lines: list[str] = []
    if str(recipe) in names():
        tables["seeds"] = [SEEDS[0]] if quick else list(SEEDS)
        lines += FEW_SHOT_ONLY
    tables |= {key: value for key, value in changes.items() if value is not None} | {"methods": ["walk"]}
    lines += [line for line in quick_lines(tables) if quick and "low_label" not in line]
    resolved = resolve(tables, [*lines, *overrides])
    if len(resolved.sources) > 1:
        raise UserError(f"sources = {', '.join(resolved.sources)}: a walk trains on one source")
    if not resolved.evaluate.few_shot:
        raise UserError("evaluate.few_shot = false: a walk is judged on stored few-shot episodes")
    return resolved


def _default_folder(resolved: CompareRecipe, order: Sequence[str], quick: bool) -> Path:
    """results/bridge-A-B for the default recipe; what is overridden gets a folder of its own by hash."""
    name = f"{resolved.name}-quick" if quick else resolved.name
    plain = _resolve("glyphs", {"name": resolved.name, "description": resolved.description}, quick, ())
    there, asked = (r.model_dump(mode="json", exclude={"cluster", "methods"}) for r in (plain, resolved))
    if order or there != asked:
        name = hashed(name, [resolved.model_dump(mode="json", exclude={"cluster"}), list(order)])
    return Path("results") / name
