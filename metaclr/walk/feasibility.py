"""Which combinations of settings can be trained, as far as settings alone can tell; the others with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from metaclr.bridge import Given, Matching, Objective, Pairs, Resample, Tasks
from metaclr.methods import Method


@dataclass(frozen=True)
class Budget:
    """What a comparison holds fixed: the views of a step, and whose view recipe is used."""

    batch_views: int = 256
    own_views: bool = False


def infeasible_reason(method: Method, budget: Budget) -> str:
    """Why a method of the bridge cannot be trained under this budget; "" where it can.

    What is illegal in the objective itself has been refused when it was made.
    """
    objective, v = cast(Objective, method.objective), method.v
    way = method.way or budget.batch_views // v
    task = (method.way or 1) * v
    if budget.batch_views % task or way < 1:
        what = f"tasks of {task} views" if method.way else f"{v} views a way"
        return f"{what} do not divide the budget of {budget.batch_views} views a step"
    rows = isinstance(objective.head, Pairs | Matching)
    if isinstance(objective.labels, Given) and method.way_type == "instances" and not rows:
        return "a head with one column a way needs ways of different classes, and labels = given may repeat one"
    if budget.own_views and method.way_type == "instances" and method.views == "identity":
        return "views = identity of one image are copies of it: there is nothing to learn"
    if isinstance(objective.tasks, Resample) and objective.tasks.way > way:
        return f"tasks of {objective.tasks.way} ways cannot be drawn from {way}"
    if isinstance(objective.tasks, Tasks) and way % objective.tasks.parts:
        return f"{objective.tasks.parts} tasks do not share {way} ways evenly"
    return ""
