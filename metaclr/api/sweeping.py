"""`metaclr.sweep({"temperature": [0.05, 0.2, 1]})`: one comparison over a grid of values, and figures against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from metaclr.api.comparing import Comparison, compare
from metaclr.api.options import OptionArguments
from metaclr.api.trust import check_trust
from metaclr.api.walking import FEW_SHOT_ONLY
from metaclr.errors import UserError
from metaclr.recipe import find, names, read, resolve

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.methods import Method

DEFAULT_METHODS = ("simclr",)


def sweep(
    grid: Mapping[str, Sequence[Any]] | None = None,
    recipe: str | Path = "glyphs",
    *,
    methods: Sequence[str | Mapping[str, Any]] | Mapping[str, Method] | None = None,
    sources: Sequence[str] | Mapping[str, ImageSet] | None = None,
    **options: Unpack[OptionArguments],
) -> Comparison:
    """Train every method with every combination of values, as one comparison, and draw accuracy and geometry.

    Finished runs in the folder are kept; more values of the same keys add runs.

    Args:
        grid: values by key, such as `{"temperature": [0.05, 0.2, 1.0]}`; None is the recipe's own table `sweep`. Keys:
            see `metaclr.comparison.planning.sweep.expand_sweep`.
        recipe: a study (a recipe with a table `sweep`), or any other: a shipped one runs its few-shot evaluators only.
        methods: default `simclr`, or the methods of a study.
        sources, options: as in `compare`; `out` is `results/sweep-KEYS` by default, or `results/NAME` of a study.

    Returns:
        The comparison; its folder has `figures/sweep-*` beside the others.

    Raises:
        UserError, EpisodeError: bad input, before any training, in one line.
    """
    path = find(str(recipe))
    tables = read(path)
    check_trust(path, trust=bool(options.get("trust")))
    study = bool(tables.get("sweep"))
    if grid is not None and (not isinstance(grid, Mapping) or any(isinstance(v, str) for v in grid.values())):
        raise UserError(f"grid = {grid!r}: a dict of lists, such as {{'temperature': [0.05, 0.2, 1.0]}}")
    axes = {key: list(values) for key, values in (grid or tables.get("sweep") or {}).items()}
    if not axes:
        raise UserError(f"recipe {str(recipe)!r} has no table `sweep`: name a key, such as temperature=0.05,0.2,1")
    lines: list[str] = []
    if grid:
        tables["name"] = f"sweep-{'-'.join(axes)}" if not study else tables.get("name", "sweep")
        tables["description"] = f"{', '.join(axes)} varied."
    if str(recipe) in names() and not study:
        tables["methods"] = list(DEFAULT_METHODS)
        lines += FEW_SHOT_ONLY
    resolved = resolve({**tables, "sweep": axes}, lines)
    return compare(resolved, methods=methods, sources=sources, **options)
