"""`metaclr.bridge_walk(a, b)`: from one method to another, one axis at a time, under one budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from metaclr.api.comparing import Comparison, hashed, own_and_names, quick_lines
from metaclr.api.options import OptionArguments, Options, read_options
from metaclr.errors import UserError
from metaclr.recipe import CompareRecipe, MethodEntry, find, for_other_data, names, read, resolve

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.comparison import Plan
    from metaclr.methods import Method
    from metaclr.walk.prepare import WalkPlan

FEW_SHOT_ONLY = (
    "evaluate.linear=false",
    "evaluate.knn=false",
    "evaluate.low_label=false",
    "evaluate.few_shot.heads=cosine",  # steps differ in their own heads, so one head measures them all
)
"""A walk has many steps, so a shipped recipe runs its cheap evaluators only; a TOML file is taken as it is."""

SEEDS = (0, 1)
"""Training seeds of a shipped recipe: the effect of a step has to be read against the spread over seeds."""


def bridge_walk(
    a: str | Method,
    b: str | Method,
    recipe: str | Path = "glyphs",
    *,
    order: Sequence[str] = (),
    both_orders: bool = False,
    source: str | Mapping[str, ImageSet] | None = None,
    **options: Unpack[OptionArguments],
) -> Comparison:
    """Walk from `a` to `b` one axis at a time, train every step alike, and measure the effect of each axis.

    The steps are the methods of one comparison: the same data, encoder, budget of views and stored episodes. Finished
    steps are kept. The first and the last step are exactly `a` and `b`.

    Args:
        a, b: names, .py files, or your own `Method`s; both settings of the nine axes (`metaclr methods show`).
        recipe: data, encoder, views, budget and evaluators; its methods are ignored. A shipped recipe runs with two
            seeds and its few-shot evaluators, a TOML file as it is.
        order: the axes to change first, in this order; `"shot+query"` changes two together.
        both_orders: walk the axes in the opposite order too, which shows how they interact.
        source: images to train on, `NAME[:PART]`, or one `ImageSet` by name.
        options: as in `compare`; `out` is `results/bridge-A-B` by default.

    Returns:
        The comparison; its folder has `tables/bridge.*`, `figures/bridge.*` and the report.

    Started by torchrun, all ranks train every step together, and the first writes.

    Raises:
        UserError, EpisodeError: bad input, or a folder that another process uses; before any training, in one line.
    """
    from metaclr.api.checks import check_arguments
    from metaclr.comparison import plan
    from metaclr.comparison.launching.launcher import check_launcher
    from metaclr.device import choose_device
    from metaclr.engine.distributed import rank_device
    from metaclr.engine.process_group import process_group, run_first_rank_first
    from metaclr.walk.execute import check_folder, execute

    given = read_options(options)
    check_arguments(a=a, b=b, recipe=recipe, order=order, both_orders=both_orders)
    if source is not None:
        check_arguments(source=source)
    with process_group(), ExitStack() as stack:

        def planned() -> tuple[Plan, WalkPlan]:
            check_launcher(given.jobs, given.ray, given.device)
            prepared, resolved, images = plan_bridge(
                a, b, recipe, order=order, both_orders=both_orders, source=source, **options
            )
            folder = Path(given.out) if given.out else _default_folder(resolved, order, given.quick)
            check_folder(folder, prepared.record())
            own_targets, _ = own_and_names(given.targets, "targets")
            ready = plan(
                resolved,
                folder,
                device=rank_device(choose_device(given.device)),
                data_root=given.root,
                methods=prepared.methods,
                images={**own_targets, resolved.sources[0]: images},
                stack=stack,
            )
            return ready, prepared

        ready, prepared = run_first_rank_first(planned)
        record = prepared.record()
        ends = [end if isinstance(end, str) else title for end, title in ((a, record.start), (b, record.end))]
        flags = [*([f"--order {','.join(order)}"] if order else []), *(["--both-orders"] if both_orders else [])]
        command = " ".join(["metaclr bridge", *ends, str(ready.out / "recipe.toml"), *flags])
        rows, failures = execute(ready, prepared, jobs=given.jobs, ray=given.ray, quiet=given.quiet, command=command)
    return Comparison(ready.out, rows, failures)


def plan_bridge(
    a: str | Method,
    b: str | Method,
    recipe: str | Path = "glyphs",
    *,
    order: Sequence[str] = (),
    both_orders: bool = False,
    source: str | Mapping[str, ImageSet] | None = None,
    **options: Unpack[OptionArguments],
) -> tuple[WalkPlan, CompareRecipe, ImageSet]:
    """The steps of `bridge_walk`, each run on one batch but not trained, with the recipe and the source.

    Takes the arguments of `bridge_walk`; out, jobs, ray and quiet change nothing here.

    Raises:
        UserError, EpisodeError: as `bridge_walk`.
    """
    from metaclr.comparison.planning.load import load_images
    from metaclr.comparison.settings.image_format import with_format
    from metaclr.comparison.settings.method_files import find_method
    from metaclr.device import choose_device
    from metaclr.walk.axis_changes import changes_between
    from metaclr.walk.path import find_path
    from metaclr.walk.prepare import budget_of, prepare_walk

    given = read_options(options)
    first, last = find_method(a), find_method(b)
    changes_between(first, last)  # refuses methods off the bridge before data are loaded
    own, source_names = own_and_names([source] if isinstance(source, str) else source, "source")
    resolved = _resolve(recipe, _changes(first, last, source_names, given), given.quick, given.recipe_lines)
    find_path(first, last, order=order, budget=budget_of(resolved))  # refuses an impossible order, likewise
    name = resolved.sources[0]
    loaded = resolved
    resolved, _ = with_format(
        resolved, lambda: [load_images([name], loaded, given.root, own)[name]], choose_device(given.device).type
    )
    images = load_images([name], resolved, given.root, own)[name]
    prepared = prepare_walk(first, last, resolved, images, order=order, both_orders=both_orders)
    entries = tuple(MethodEntry(name=title) for title in prepared.methods)
    return prepared, resolved.model_copy(update={"methods": entries}), images


def _changes(first: Method, last: Method, sources: list[Any] | None, given: Options) -> dict[str, Any]:
    """Top-level recipe keys that a walk sets; None leaves the recipe's value."""
    start, end = first.name or "start", last.name or "end"
    _, targets = own_and_names(given.targets, "targets")
    return {
        "name": f"bridge-{start}-{end}",
        "description": f"From {start} to {end}, one axis at a time.",
        "sources": sources,
        "targets": targets,
        "seeds": None if given.seeds is None else list(given.seeds),
        "views_mode": given.views_mode,
    }


def _resolve(recipe: str | Path, changes: Mapping[str, Any], quick: bool, overrides: Sequence[str]) -> CompareRecipe:
    """The recipe of a walk, without its methods.

    Raises:
        UserError: several sources, or no few-shot evaluation.
    """
    tables = read(find(str(recipe)))
    lines: list[str] = []
    if str(recipe) in names():
        tables["seeds"] = [SEEDS[0]] if quick else list(SEEDS)
        lines += FEW_SHOT_ONLY
    if changes.get("sources") and list(changes["sources"]) != list(tables.get("sources", ())):
        tables = for_other_data(tables)
    tables |= {key: value for key, value in changes.items() if value is not None} | {"methods": ["walk"]}
    lines += [line for line in quick_lines(tables) if quick and "low_label" not in line]
    resolved = resolve(tables, [*lines, *overrides])
    if len(resolved.sources) > 1:
        raise UserError(f"sources = {', '.join(resolved.sources)}: a walk trains on one source; name one with --source")
    if not resolved.evaluate.few_shot:
        raise UserError("evaluate.few_shot = false: a walk is evaluated on few-shot episodes; leave it on")
    return resolved


def _default_folder(resolved: CompareRecipe, order: Sequence[str], quick: bool) -> Path:
    """results/bridge-A-B for the default recipe; a changed one gets its own folder, named by a hash of the change."""
    name = f"{resolved.name}-quick" if quick else resolved.name
    plain = _resolve("glyphs", {"name": resolved.name, "description": resolved.description}, quick, ())
    shipped, changed = (r.model_dump(mode="json", exclude={"cluster", "methods"}) for r in (plain, resolved))
    if order or shipped != changed:
        name = hashed(name, [resolved.model_dump(mode="json", exclude={"cluster"}), list(order)])
    return Path("results") / name
