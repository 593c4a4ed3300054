"""The loss at chance: its value where all embeddings are equal, the reference for losses of different objectives."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from metaclr.errors import UserError

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.comparison.runs.run import Run
    from metaclr.recipe import CompareRecipe

TOLERANCE = 1e-6  # the loss of a full queue or a converged moving average changes by less


def loss_at_chance(run: Run, recipe: CompareRecipe, source: ImageSet) -> float:
    """The loss of a run's objective, as it starts, on a real batch whose embeddings are all the same unit vector.

    Every column then has the same logit: log N for a head with one column a way (N ways), log(T N V - 1) for
    leave-one-out over rows, less where the denominator leaves columns out. A queue is filled first, by at most as
    many steps as the training has. Losses of different objectives or ways are not comparable; each is to be
    compared with its own chance.

    Raises:
        UserError, EpisodeError: the run cannot be trained; the reason, in one line.
    """
    import torch

    from metaclr.bridge import Context
    from metaclr.comparison.runs.training import build_learner, sampler_for
    from metaclr.engine.distributed import Ranks

    episode = sampler_for(run, recipe, source, Ranks())(0)  # the whole batch, however many ranks share it
    learner = build_learner(run, recipe, source)
    objective, dim = learner.get_submodule("objective").train(), int(learner.get_submodule("projector").features)  # type: ignore[arg-type]
    embeddings = torch.full((*episode.images.shape, dim), dim**-0.5)
    context = Context(
        labels=episode.labels,
        images=episode.images[..., 0],
        shot=episode.shot,
        momentum_embeddings=None if run.method.momentum is None else embeddings,
        dataset_size=len(source),
    )
    before = float("inf")
    with torch.no_grad():
        for _ in range(recipe.train.steps):
            loss = float(objective(embeddings, context))
            if abs(loss - before) < TOLERANCE:
                break
            before = loss
    if not isfinite(loss):
        raise UserError(f"method {run.entry.title!r}: the loss of equal embeddings is {loss}, not a finite number")
    return loss
