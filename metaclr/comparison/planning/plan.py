"""A comparison that has been checked whole before it starts: its data, its runs, its stored episodes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from episodes import AuditReport, Augmentation, ImageSet, audit
from metaclr.comparison.folders.folder import check_shared_folder, open_folder
from metaclr.comparison.labels.positives_setting import source_fingerprint
from metaclr.comparison.planning.checks import check_recipe, check_run, check_targets
from metaclr.comparison.planning.load import load_images
from metaclr.comparison.planning.sweep import expand_sweep
from metaclr.comparison.planning.targets import prepare
from metaclr.comparison.runs.choose_adaptation import check_validation
from metaclr.comparison.runs.naming import label_method_files, runs_of
from metaclr.comparison.runs.run import Run
from metaclr.comparison.runs.training import task_notes
from metaclr.comparison.settings.image_format import with_format
from metaclr.data.notes import TURNS_NOTE
from metaclr.engine.distributed import ranks
from metaclr.evaluation import Target
from metaclr.methods import Method

if TYPE_CHECKING:
    import torch

    from metaclr.recipe import CompareRecipe


@dataclass(frozen=True, eq=False)
class Plan:
    """A comparison whose every run can start. remarks: results that a target cannot give, for the report."""

    recipe: CompareRecipe
    out: Path
    device: torch.device
    sources: dict[str, ImageSet]
    targets: dict[str, Target]
    runs: tuple[Run, ...]
    audits: tuple[AuditReport, ...] = ()
    remarks: tuple[str, ...] = field(default=())
    validation: ImageSet | None = None
    """On whose classes the steps and rates of adaptations are chosen."""

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Hash of the images of each target, and of its train/test division."""
        found = {name: target.fingerprint for name, target in self.targets.items()}
        return found if self.validation is None else {**found, "validation": self.validation.fingerprint()}

    def inputs(self, run: Run) -> dict[str, Any]:
        """Everything that a run's rows depend on (see `Run.inputs`)."""
        return run.inputs(self.recipe, {**self.fingerprints, "source": self._of_source(run)})

    def identity(self, run: Run) -> str:
        """Hash of everything that a run's trained weights depend on but the number of steps (see `Run.identity`)."""
        return run.identity(self.recipe, self._of_source(run))

    def digest(self, run: Run) -> str:
        """Hash of everything that a run's rows depend on (see `Run.digest`)."""
        return run.digest(self.recipe, {**self.fingerprints, "source": self._of_source(run)})

    def _of_source(self, run: Run) -> str:
        return source_fingerprint(run.method, self.sources[run.source])

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
    views: Mapping[str, Augmentation] | None = None,
    stack: ExitStack | None = None,
) -> Plan:
    """Load the data, check every run and every target, then open the folder and draw the stored episodes.

    Of several ranks the first plans before the others, which only read the folder and the episodes.

    Args:
        methods: the caller's own methods by name, beside those that ship.
        images: the caller's own image sets by name, beside those that `metaclr.data.load` knows.
        views: the caller's own view functions, by the names that the recipe has for them.
        stack: the folder belongs to this process until the stack closes; None takes no lock.

    Raises:
        UserError, EpisodeError: one line each, before any work and before anything is written.
    """
    check_recipe(recipe)
    recipe = label_method_files(recipe)
    unformatted = recipe
    recipe, format_notes = with_format(
        recipe,
        lambda: [*load_images(unformatted.sources, unformatted, data_root, images or {}).values()],
        device.type,
    )
    recipe = expand_sweep(recipe, methods)
    runs = runs_of(recipe, methods, views)
    loaded = load_images((*recipe.sources, *recipe.targets), recipe, data_root, images or {})
    validation = _validation(recipe, loaded, data_root, images or {})
    for run in runs:
        check_run(run, recipe, loaded[run.source])
    check_targets(recipe, loaded)
    if ranks().first:
        open_folder(out, recipe, stack)
    else:
        check_shared_folder(out)
    prepared = {
        name: prepare(
            name, loaded[name], recipe.evaluate, out / "episodes", shuffle=recipe.shuffle_labels, fixed=recipe.fixed
        )
        for name in recipe.targets
    }
    sources = {name: loaded[name] for name in recipe.sources}
    return Plan(
        recipe,
        out,
        device,
        sources=sources,
        targets={name: target for name, (target, _) in prepared.items()},
        runs=runs,
        audits=tuple(audit(loaded[s], loaded[t]) for s in recipe.sources for t in recipe.targets if s != t),
        remarks=(
            *format_notes,
            *(line for name in recipe.sources if name not in recipe.targets for line in _turns(name, loaded[name])),
            *task_notes(runs, recipe, sources),
            *(line for _, lines in prepared.values() for line in lines),
        ),
        validation=validation,
    )


def _validation(
    recipe: CompareRecipe, loaded: Mapping[str, ImageSet], root: Path | None, images: Mapping[str, ImageSet]
) -> ImageSet | None:
    """The set on which adaptations are chosen, if the recipe names one.

    Raises:
        UserError: see `check_validation`.
    """
    name = recipe.evaluate.few_shot.validation if recipe.evaluate.few_shot else ""
    if not name:
        return None
    found = load_images([name], recipe, root, images)[name]
    check_validation(name, found, dict(loaded))
    return found


def _turns(name: str, images: ImageSet) -> list[str]:
    """Whether a source has its quarter turns as classes, where that is a question."""
    return [f"{name}: {note}" for note in images.notes if note.startswith(TURNS_NOTE)]
