"""One cell's training: the sampler, the views and the learner, from a method and a recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from episodes import PRESETS, Episode, EpisodeSampler, ImageSet, TaskShape, ViewRecipe, render
from metaclr.comparison.cell import Cell
from metaclr.errors import UserError, unknown

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from metaclr.engine import Trained
    from metaclr.recipe import CompareRecipe


def task_shape(cell: Cell, recipe: CompareRecipe) -> TaskShape:
    """The training tasks that spend exactly the budget of views in each step.

    Raises:
        UserError: the budget is no multiple of the method's views per way.
    """
    method, budget = cell.method, recipe.train.batch_views
    views = method.shot + method.query
    way = method.way or budget // views
    tasks = budget // (way * views)
    if tasks < 1 or tasks * way * views != budget:
        raise UserError(
            f"train.batch_views = {budget}: method {cell.entry.title!r} takes multiples of {(method.way or 1) * views}"
        )
    return TaskShape(way=way, shot=method.shot, query=method.query, tasks=tasks)


def sampler_for(cell: Cell, recipe: CompareRecipe, source: ImageSet) -> EpisodeSampler:
    """Which images each step trains on; depends on the seed of the run alone."""
    method = cell.method
    shape = task_shape(cell, recipe)
    return EpisodeSampler(source, shape, ways=method.ways, labels=method.labels, seed=cell.seed)


def views_for(cell: Cell, recipe: CompareRecipe) -> ViewRecipe | Sequence[ViewRecipe]:
    """The renderings: the recipe's for every method, or each method's own where `views_mode` is `own`.

    A method that needs its support un-augmented (ProtoCLR) says so itself, in `own` mode only.
    """
    name = cell.entry.views or recipe.views
    if recipe.views_mode == "own" and not cell.entry.views:
        name = cell.method.views or recipe.views
    if name not in PRESETS:
        raise unknown("views", name, PRESETS)
    return PRESETS[name]


def build_learner(cell: Cell, recipe: CompareRecipe, source: ImageSet) -> nn.Module:
    """Encoder, projector and objective of one cell. The encoder's start depends on the seed alone.

    Raises:
        UserError: an unknown network, option or setting.
    """
    from metaclr.engine import build
    from metaclr.networks import build_encoder

    settings = recipe.encoder
    encoder = build_encoder(settings.name, source.channels, recipe.size, seed=cell.seed, **settings.options)
    return build(
        cell.method,
        encoder,
        projector=cell.entry.projector,
        hidden=settings.projector_hidden,
        dim=settings.projector_dim,
        population=len(source),
        classes=source.classes,
        seed=cell.seed,
        settings=cell.entry.settings,
    )


def train_cell(
    cell: Cell,
    recipe: CompareRecipe,
    source: ImageSet,
    folder: Path,
    device: torch.device,
    progress: Callable[[int, int, float, float], None] | None = None,
) -> tuple[nn.Module, Trained]:
    """Train one cell, going on from its checkpoint where there is one."""
    from metaclr.engine import TrainSettings, train

    learner = build_learner(cell, recipe, source)
    resident = source.to(device)
    views = views_for(cell, recipe)

    def pixels(episode: Episode) -> Tensor:
        return render(resident, episode, views, seed=cell.seed)

    settings = TrainSettings(**recipe.train.model_dump(exclude={"batch_views"}), device=str(device), seed=cell.seed)
    trained = train(learner, sampler_for(cell, recipe, resident), pixels, settings, folder, progress)
    return learner, trained
