"""Whether a combination of settings can be trained, as far as the settings alone determine it, or the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from metaclr.bridge import Given, Matching, Objective, Pairs, Resample, Tasks
from metaclr.methods import Method


@dataclass(frozen=True)
class Budget:
    """What a comparison fixes: views per step, and whether each method uses its own view recipe (`per_method`)."""

    batch_views: int = 256
    per_method_views: bool = False


def infeasible_reason(method: Method, budget: Budget) -> str:
    """Why a method of the bridge cannot be trained under this budget; "" where it can.

    An objective with illegal axes cannot be constructed, so it is not checked here.
    """
    objective, v = cast(Objective, method.objective), method.v
    way = method.way or budget.batch_views // v
    task = (method.way or 1) * v
    if budget.batch_views % task or way < 1:
        what = f"tasks of {task} views" if method.way else f"{v} views per way"
        return f"{what} do not divide the budget of {budget.batch_views} views per step"
    rows = isinstance(objective.head, Pairs | Matching)
    if isinstance(objective.labels, Given) and method.way_type == "instances" and not rows:
        return "a head with one column per way needs ways of different classes, and labels = given may repeat a class"
    if budget.per_method_views and method.way_type == "instances" and method.views == "identity":
        return "views = identity gives copies of one image, from which nothing can be learned"
    if isinstance(objective.tasks, Resample) and objective.tasks.way > way:
        return f"tasks of {objective.tasks.way} ways cannot be drawn from {way}"
    if isinstance(objective.tasks, Tasks) and way % objective.tasks.parts:
        return f"{objective.tasks.parts} tasks do not share {way} ways evenly"
    return ""
