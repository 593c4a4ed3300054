"""Everything that can be wrong is found here, before any training: data, methods, shapes, episodes, leaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from episodes import PRESETS, AuditReport, ImageSet, audit
from metaclr.comparison.folder import check_shared_folder, open_folder
from metaclr.comparison.method_files import find_method
from metaclr.comparison.run import Run
from metaclr.comparison.targets import prepare
from metaclr.comparison.training import build_encoder_of, build_learner, sampler_for
from metaclr.engine.distributed import ranks
from metaclr.engine.process_group import gather_objects
from metaclr.errors import UserError, unknown
from metaclr.evaluation import Target
from metaclr.evaluation.evaluators import chosen
from metaclr.methods import Method

if TYPE_CHECKING:
    import torch

    from metaclr.recipe import CompareRecipe, EvaluateRecipe


@dataclass(frozen=True, eq=False)
class Plan:
    """A comparison that is known to be possible: its data, its runs and what is held fixed."""

    recipe: CompareRecipe
    out: Path
    device: torch.device
    sources: dict[str, ImageSet]
    targets: dict[str, Target]
    runs: tuple[Run, ...]
    audits: tuple[AuditReport, ...] = ()
    remarks: tuple[str, ...] = field(default=())

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Of the images of every target, and of its split."""
        return {name: target.fingerprint for name, target in self.targets.items()}

    def digest(self, run: Run) -> str:
        """Of everything that a run's rows depend on (see `Run.digest`)."""
        return run.digest(self.recipe, {**self.fingerprints, "source": self.sources[run.source].fingerprint()})

    def folder(self, run: Run) -> Path:
        """Where a run keeps its checkpoint, curve, rows and per-item results."""
        return self.out / "runs" / run.name


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

    Of several ranks the first plans before the others, which find the folder and the episodes there and only read.

    Raises:
        UserError, EpisodeError: one line each, before any work.
    """
    _check_names(recipe)
    chosen = {entry.title: find_method(entry.name, methods) for entry in recipe.cells_methods}
    names = dict.fromkeys((*recipe.sources, *recipe.targets))
    loaded = {name: _load(name, recipe, data_root, images or {}) for name in names}
    sources = {name: loaded[name] for name in recipe.sources}
    runs = tuple(
        Run(entry, chosen[entry.title], source, seed)
        for source in recipe.sources
        for seed in recipe.seeds
        for entry in recipe.cells_methods
    )
    for run in runs:
        check_run(run, recipe, sources[run.source])
    # Draw the episodes before the folder is made: a shape that cannot be must leave nothing behind.
    for name in recipe.targets:
        prepare(name, loaded[name], _probe(recipe), None)
    if ranks().first:
        open_folder(out, recipe)
    else:
        check_shared_folder(out)
    prepared = {
        name: prepare(name, loaded[name], recipe.evaluate, out / "episodes", shuffle=recipe.shuffle_labels)
        for name in recipe.targets
    }
    audits = tuple(audit(sources[s], loaded[t]) for s in recipe.sources for t in recipe.targets if s != t)
    remarks = tuple(line for _, lines in prepared.values() for line in lines)
    return Plan(recipe, out, device, sources, {n: t for n, (t, _) in prepared.items()}, runs, audits, remarks)


def check_same_inputs(plan: Plan) -> None:
    """Refuse ranks that read different data, or other versions of a method.

    Raises:
        UserError: on every rank, if one rank's plan is another.
    """
    found = gather_objects([plan.digest(run) for run in plan.runs])
    for rank, digests in enumerate(found):
        if digests != found[0]:
            raise UserError(f"rank {rank} has other data or other methods than rank 0; all ranks must read the same")


def _check_names(recipe: CompareRecipe) -> None:
    if recipe.views not in PRESETS:
        raise unknown("views", recipe.views, PRESETS)
    chosen(recipe.evaluate.model_dump())


def _probe(recipe: CompareRecipe) -> EvaluateRecipe:
    """The evaluation settings with two episodes: enough to know that the shapes are possible."""
    few = recipe.evaluate.few_shot
    return recipe.evaluate.model_copy(update={"few_shot": few and few.model_copy(update={"episodes": 2})})


def _load(name: str, recipe: CompareRecipe, root: Path | None, images: Mapping[str, ImageSet]) -> ImageSet:
    from metaclr.data import adapt, load

    if name in images:
        return adapt(images[name], size=recipe.size, channels=recipe.channels)
    return load(name, root, size=recipe.size, channels=recipe.channels)


def check_run(run: Run, recipe: CompareRecipe, source: ImageSet) -> None:
    """Refuse a method that cannot be trained on this source, and settings that it does not have.

    Builds the sampler and the learner once, without training.

    Raises:
        UserError, EpisodeError: what is wrong, in one line.
    """
    if run.method.labels == "given" and source.labels is None:
        raise UserError(f"method {run.entry.title!r} trains on labels, and source {run.source!r} has none")
    if not run.method.trained:
        if run.entry.settings:
            raise UserError(f"method {run.entry.title!r} is not trained and has no settings")
        build_encoder_of(run, recipe, source)
        return
    sampler_for(run, recipe, source)
    build_learner(run, recipe, source)
