"""Everything that can be wrong is found here, before any training: data, methods, shapes, episodes, leaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from episodes import PRESETS, AuditReport, ImageSet, audit
from metaclr.comparison.cell import Cell
from metaclr.comparison.targets import Target, prepare
from metaclr.errors import UserError, unknown
from metaclr.comparison.method_files import find_method
from metaclr.methods import Method

if TYPE_CHECKING:
    import torch

    from metaclr.recipe import CompareRecipe


@dataclass(frozen=True)
class Plan:
    """A comparison that is known to be possible: its data, its cells and what is held fixed."""

    recipe: CompareRecipe
    out: Path
    device: torch.device
    sources: dict[str, ImageSet]
    targets: dict[str, Target]
    cells: tuple[Cell, ...]
    audits: dict[tuple[str, str], AuditReport] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def plan(
    recipe: CompareRecipe,
    out: Path,
    *,
    device: torch.device,
    data_root: Path | None = None,
    methods: Mapping[str, Method] | None = None,
    images: Mapping[str, ImageSet] | None = None,
) -> Plan:
    """Load the data, resolve the methods, draw the stored episodes, and refuse what cannot be done.

    Args:
        methods: the caller's own methods by name, beside those that ship.
        images: the caller's own image sets by name, beside those that `metaclr.data.load` knows.

    Raises:
        UserError, EpisodeError: one line each.
    """
    if recipe.views not in PRESETS:
        raise unknown("views", recipe.views, PRESETS)
    own = dict(methods or {})
    chosen = {entry.title: find_method(entry.name, own) for entry in recipe.cells_methods}
    loaded = {name: _load(name, recipe, data_root, images or {}) for name in (*recipe.sources, *recipe.targets)}
    sources = {name: loaded[name] for name in recipe.sources}
    cells = tuple(
        Cell(entry, chosen[entry.title], source, seed)
        for source in recipe.sources
        for seed in recipe.seeds
        for entry in recipe.cells_methods
    )
    for cell in cells:
        check_cell(cell, recipe, sources[cell.source])
    audits = {(s, t): audit(sources[s], loaded[t]) for s in recipe.sources for t in recipe.targets if s != t}
    targets = {name: prepare(name, loaded[name], recipe, out / "episodes") for name in recipe.targets}
    remarks = tuple(line for target in targets.values() for line in target.remarks)
    return Plan(recipe, out, device, sources, targets, cells, audits, remarks)


def _load(name: str, recipe: CompareRecipe, root: Path | None, images: Mapping[str, ImageSet]) -> ImageSet:
    from metaclr.data import adapt, load

    if name in images:
        return adapt(images[name], size=recipe.size, channels=recipe.channels)
    return load(name, root, size=recipe.size, channels=recipe.channels)


def check_cell(cell: Cell, recipe: CompareRecipe, source: ImageSet) -> None:
    """Refuse a method that cannot be trained on this source, and settings that it does not have.

    Builds the sampler and the learner once, without training.
    """
    from metaclr.comparison.training import build_learner, sampler_for

    if cell.method.labels == "given" and source.labels is None:
        raise UserError(f"method {cell.entry.title!r} trains on labels, and source {cell.source!r} has none")
    if not cell.method.trained:
        return
    sampler_for(cell, recipe, source)
    build_learner(cell, recipe, source)
