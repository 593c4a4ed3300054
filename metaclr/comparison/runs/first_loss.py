"""A training that began far above guessing: prototypes whose distances are large for their temperature.

Squared Euclidean distances are sums over features: of 64 they suit the temperature of 1 that prototypical networks were
published with, of 256 or 1,600 they are so large that a short training goes into shrinking embeddings. Others divide
them for that reason, such as FEAT's code (Ye et al. 2020, github.com/Sha-Lab/FEAT, `--temperature`).
"""

from __future__ import annotations

from math import ceil, log, log2
from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.bridge import Objective, Prototypes
from metaclr.comparison.runs.training import task_shape
from metaclr.engine.training_curve import NAME, read

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.comparison.runs.run import Run
    from metaclr.recipe import CompareRecipe

FAR = 4.0
"""A first loss is far above guessing from this multiple on; Conv-4 on 28 pixels starts at 1 to 2."""


def first_loss_note(run: Run, recipe: CompareRecipe, source: ImageSet, folder: Path) -> str:
    """What a reader should know of a training that began far above log(ways), the loss of guessing; else empty.

    folder: of the finished run; its curve has the mean loss of the first steps.
    """
    objective = run.method.objective
    if not isinstance(objective, Objective) or not isinstance(objective.head, Prototypes):
        return ""
    rows = read(folder / NAME) if (folder / NAME).is_file() else []
    way = task_shape(run, recipe, source).way
    if not rows or not rows[0]["loss"] > FAR * log(way):
        return ""
    temperature = float(run.entry.settings.get("temperature", objective.temperature))
    better = temperature * 2 ** ceil(log2(rows[0]["loss"] / log(way)))
    return (
        f"{run.entry.title}, trained on {run.source}: its loss began at {rows[0]['loss']:.0f}, where guessing "
        f"one of {way} ways has {log(way):.1f}: distances are large for temperature {temperature:g}, and a short "
        f"training goes into shrinking them; {run.entry.name}(temperature={better:g}) starts lower and may learn much "
        "faster"
    )
