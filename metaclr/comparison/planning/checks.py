"""Checks of a comparison before any work: names, methods, task shapes, and inputs that agree between ranks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from episodes import ImageSet
from metaclr.comparison.labels.known_labels import source_of
from metaclr.comparison.labels.positives_setting import labelled
from metaclr.comparison.planning.targets import prepare
from metaclr.comparison.runs.run import Run
from metaclr.comparison.runs.training import build_encoder_of, build_learner, sampler_for, views_for
from metaclr.engine.gradient_cache import check_learner
from metaclr.engine.loggers import check_loggers
from metaclr.engine.process_group import gather_objects
from metaclr.errors import UserError
from metaclr.evaluation.evaluators import chosen
from metaclr.extras import need

if TYPE_CHECKING:
    from metaclr.comparison.planning.plan import Plan
    from metaclr.recipe import CompareRecipe


def check_recipe(recipe: CompareRecipe) -> None:
    """Check the names that a recipe uses for evaluators, and that its loggers and its maps' library are installed.

    Raises:
        UserError: an unknown name, with the nearest one; a missing package.
    """
    chosen(recipe.evaluate.model_dump())
    check_loggers(recipe.train.loggers)
    if recipe.evaluate.map == "umap":
        need("umap", "evaluate.map = 'umap'")


def check_run(run: Run, recipe: CompareRecipe, source: ImageSet) -> None:
    """Check that a method can train on this source with these settings: build its sampler and learner once.

    Raises:
        UserError, EpisodeError: the reason, in one line.
    """
    if run.method.labels == "given" and labelled(run.method, source).labels is None:
        raise UserError(f"method {run.entry.title!r} trains on labels, and source {run.source!r} has none")
    recipe, source = run.own_recipe(recipe), source_of(run, source)
    views_for(run, recipe)
    if not run.method.trained:
        if run.entry.settings:
            raise UserError(f"method {run.entry.title!r} is not trained and has no settings")
        build_encoder_of(run, recipe, source)
        return
    sampler_for(run, recipe, source)
    learner = build_learner(run, recipe, source)
    if recipe.train.chunk_views:
        check_learner(learner)


def check_targets(recipe: CompareRecipe, images: Mapping[str, ImageSet]) -> None:
    """Check every task shape on every target by drawing two episodes of each; nothing is written.

    Raises:
        UserError, EpisodeError: a shape that a target cannot give, a target without labels.
    """
    few = recipe.evaluate.few_shot
    two = recipe.evaluate.model_copy(update={"few_shot": few and few.model_copy(update={"episodes": 2})})
    for name in recipe.targets:
        prepare(name, images[name], two, None, fixed=recipe.fixed)


def check_same_inputs(plan: Plan) -> None:
    """Check that all ranks have the same data and the same methods.

    Raises:
        UserError: on every rank, if the plan of one rank differs.
    """
    digests = gather_objects([plan.digest(run) for run in plan.runs])
    for rank, of_rank in enumerate(digests):
        if of_rank != digests[0]:
            raise UserError(f"rank {rank} has other data or other methods than rank 0; all ranks must read the same")
