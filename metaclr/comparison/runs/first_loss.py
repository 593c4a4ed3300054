"""A training that began far above guessing: prototypes whose distances are large for their temperature.

Squared Euclidean distances are sums over features: of 64 they suit the temperature of 1 that prototypical networks were
published with, of 256 or 1,600 they are so large that a short training goes into shrinking embeddings. Others divide
them for that reason, such as FEAT's code (Ye et al. 2020, github.com/Sha-Lab/FEAT, `--temperature`).
"""

from __future__ import annotations

from math import ceil, log, log2
from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.bridge import Objective, Prototypes, cross_entropy, in_batch, one_task, override
from metaclr.comparison.labels.known_labels import source_of
from metaclr.comparison.runs.training import objective_settings, task_shape
from metaclr.engine.training_curve import NAME, read

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.comparison.runs.run import Run
    from metaclr.recipe import CompareRecipe

FAR = 4.0
"""A first loss is far above guessing from this multiple on; Conv-4 on 28 pixels starts at 1 to 2."""


def first_loss_note(run: Run, recipe: CompareRecipe, images: ImageSet, folder: Path) -> str:
    """What a reader should know of a training that began far above log(ways), the loss of guessing; else empty.

    images: of the run's source. folder: of the finished run; its curve has the mean loss of the first steps.
    """
    if not run.method.trained or run.method.learner is not None:
        return ""
    objective = override(run.method.objective, **objective_settings(run))
    if not isinstance(objective, Objective) or not _guesses_one_of_its_ways(objective):
        return ""
    rows = read(folder / NAME) if (folder / NAME).is_file() else []
    first = rows[0]["loss"] if rows else 0.0
    way = task_shape(run, recipe, source_of(run, images)).way
    if not first > FAR * log(way):
        return ""
    better = objective.temperature * 2 ** ceil(log2(first / log(way)))
    return (
        f"{run.entry.title}, trained on {run.source}: its loss began at {first:.0f}, where guessing one of {way} ways "
        f"has {log(way):.1f}: distances are large for temperature {objective.temperature:g}, and a short training goes "
        f"into shrinking them; {run.entry.name}(temperature={better:g}) starts lower and may learn much faster"
    )


def _guesses_one_of_its_ways(objective: Objective) -> bool:
    """Whether log(ways) is the loss of guessing: a column a way, none more, and all ways of a batch in one task."""
    plain = objective.tasks == one_task and objective.negatives == in_batch and objective.denominator == cross_entropy
    return plain and isinstance(objective.head, Prototypes)
