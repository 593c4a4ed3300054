"""Steps and rate of an adaptation at test time, chosen on classes that are neither trained nor measured on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from episodes import ImageSet, TaskShape, image_hashes, sample_table
from metaclr.adaptation.adapted_encoder import AdaptedEncoder
from metaclr.errors import UserError
from metaclr.evaluation import features
from metaclr.evaluation.few_shot import few_shot_of_procedure

if TYPE_CHECKING:
    from metaclr.recipe.model import FewShotRecipe

EPISODES = 100
FACTORS = (0.5, 2.0)
"""Of the rate, tried after the number of steps is chosen, beside 1."""


def step_counts(steps: int) -> list[int]:
    """The numbers of steps that are tried, with `steps` itself first."""
    return list(dict.fromkeys([steps, max(1, steps // 2), 2 * steps, 5]))


def choose_adaptation(procedure: AdaptedEncoder, validation: ImageSet, recipe: FewShotRecipe) -> AdaptedEncoder:
    """The procedure with the steps, and then the rate, that classify the most queries on validation episodes.

    The episodes have the first way and shot of the recipe. Equal accuracy keeps what training has.
    """
    shape = TaskShape(recipe.ways[0], recipe.shots[0], recipe.query)
    table = sample_table(validation, shape, EPISODES, seed=recipe.seed)
    rows = features(procedure.encoder, validation)

    def accuracy(tried: AdaptedEncoder) -> float:
        (found,) = few_shot_of_procedure(tried, rows, validation, table, target=validation.name)
        return found.value

    best = max((replace(procedure, steps=steps) for steps in step_counts(procedure.steps)), key=accuracy)
    best = max((replace(best, lr=best.lr * factor) for factor in (1.0, *FACTORS)), key=accuracy)
    where = f"{EPISODES} {shape.way}-way {shape.shot}-shot episodes of {validation.name}"
    return replace(best, chosen=f"steps and rate chosen on {where}")


def check_validation(name: str, validation: ImageSet, others: dict[str, ImageSet]) -> None:
    """Refuse validation images that are also among those trained or measured on.

    Raises:
        UserError: names the set and the number of images.
    """
    mine = set(image_hashes(validation))
    for other, image_set in others.items():
        if shared := len(mine.intersection(image_hashes(image_set))):
            raise UserError(
                f"evaluate.few_shot.validation = {name!r}: {shared} of its images are in {other!r} too; "
                "choose on images that are neither trained nor measured on"
            )
