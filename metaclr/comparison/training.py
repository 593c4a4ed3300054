"""One run's training: the sampler, the views and the learner, from a method and a recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from episodes import PRESETS, EpisodeSampler, ImageSet, Prefetcher, Rendering, TaskShape, ViewRecipe
from metaclr.comparison.run import Run
from metaclr.errors import UserError, unknown
from metaclr.memory import place
from metaclr.networks.seeded_init import seeded

if TYPE_CHECKING:
    import torch
    from torch import nn

    from metaclr.engine import Trained
    from metaclr.engine.distributed import Ranks
    from metaclr.recipe import CompareRecipe


def task_shape(run: Run, recipe: CompareRecipe) -> TaskShape:
    """The training tasks that spend exactly the budget of views in each step.

    Raises:
        UserError: the budget is no multiple of the method's views per way.
    """
    method, budget = run.method, recipe.train.batch_views
    views = method.shot + method.query
    way = method.way or budget // views
    tasks = budget // (way * views)
    if tasks < 1 or tasks * way * views != budget:
        raise UserError(
            f"train.batch_views = {budget}: method {run.entry.title!r} takes multiples of {(method.way or 1) * views}"
        )
    return TaskShape(way=way, shot=method.shot, query=method.query, tasks=tasks)


def sampler_for(run: Run, recipe: CompareRecipe, source: ImageSet, rank_info: Ranks | None = None) -> EpisodeSampler:
    """Which images each step trains on: depends on the seed of the run alone, and is dealt out to the ranks.

    rank_info: whose share; by default that of this process.

    Raises:
        UserError: the budget is no multiple of the method's views per way, or cannot be dealt out evenly.
    """
    from metaclr.engine.distributed import ranks

    method, rank_info = run.method, rank_info or ranks()
    shape = task_shape(run, recipe)
    # A learner of its own takes whole tasks.
    count, what = (shape.tasks, "tasks") if shape.tasks > 1 or method.learner else (shape.way, "ways")
    if count % rank_info.world:
        raise UserError(
            f"train.batch_views = {recipe.train.batch_views}: method {run.entry.title!r} makes {count} {what} of "
            f"them, which {rank_info.world} ranks cannot share evenly"
        )
    return EpisodeSampler(
        source,
        shape,
        way_type=method.way_type,
        labels=method.labels,
        seed=run.seed,
        rank=rank_info.rank,
        world=rank_info.world,
    )


def views_for(run: Run, recipe: CompareRecipe) -> ViewRecipe | Sequence[ViewRecipe]:
    """The renderings: the recipe's for every method, or each method's own where `views_mode` is `own`.

    A method that needs its support un-augmented (ProtoCLR) says so itself, in `own` mode only.
    """
    own, method = recipe.views_mode == "per_method", run.method
    name = run.entry.views or (method.views if own else "") or recipe.views
    support = (method.support_views if own and not run.entry.views else "") or name
    for preset in (name, support):
        if preset not in PRESETS:
            raise unknown("views", preset, PRESETS)
    if support == name:
        return PRESETS[name]
    return [PRESETS[support]] * method.shot + [PRESETS[name]] * method.query


def build_encoder_of(run: Run, recipe: CompareRecipe, source: ImageSet) -> nn.Module:
    """The encoder of a run as it starts: its weights depend on the seed alone, so `untrained` is where all begin.

    Raises:
        UserError: an unknown network or option.
    """
    from metaclr.networks import build_encoder

    if run.method.encoder:
        return build_encoder(run.method.encoder, source.channels, recipe.size, seed=run.seed)
    settings = recipe.encoder
    return build_encoder(settings.name, source.channels, recipe.size, seed=run.seed, **settings.options)


def build_learner(run: Run, recipe: CompareRecipe, source: ImageSet) -> nn.Module:
    """Encoder, projector and objective of one run, or the method's own learner.

    Raises:
        UserError: an unknown network, projector, option or setting.
    """
    from metaclr.engine import Learner
    from metaclr.networks import build_projector

    method, settings = run.method, recipe.encoder
    encoder = build_encoder_of(run, recipe, source)
    if method.learner is not None:
        learner: nn.Module = method.learner(encoder, method, seed=run.seed, settings=run.entry.settings)
        return learner
    projector = build_projector(
        run.entry.projector or method.projector,
        int(encoder.features),  # type: ignore[arg-type]
        hidden=settings.projector_hidden,
        dim=settings.projector_dim,
        seed=run.seed,
    )
    with seeded(run.seed, "objective"):
        objective = method.objective.build(
            int(projector.features), dataset_size=len(source), classes=source.classes, **run.entry.settings
        )
    return Learner(
        encoder,
        projector,
        objective,
        momentum=method.momentum,
        momentum_schedule=method.momentum_schedule,
        dataset_size=len(source),
    )


def train_run(
    run: Run,
    recipe: CompareRecipe,
    source: ImageSet,
    folder: Path | None,
    device: torch.device,
    identity: str,
    progress: Callable[[int, int, float, float], None] | None = None,
) -> tuple[nn.Module, Trained]:
    """Train one run, going on from its checkpoint where there is one."""
    from metaclr.engine import TrainSettings, train

    learner = build_learner(run, recipe, source)
    placed = place(source, device)
    turned = run.method.task_transform == "quarter_turns"
    pixels = Rendering(placed, views_for(run, recipe), seed=run.seed, turned=turned)
    settings = TrainSettings(**recipe.train.model_dump(exclude={"batch_views"}), device=str(device), seed=run.seed)
    sampler = sampler_for(run, recipe, source)
    if placed.in_memory_of(device):
        return learner, train(learner, sampler, pixels, settings, folder, progress, identity=identity)
    with Prefetcher(sampler, steps=settings.steps, pin=device.type == "cuda") as ahead:
        return learner, train(learner, ahead, pixels, settings, folder, progress, identity=identity)
