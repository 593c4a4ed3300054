"""Few-shot accuracy over stored episodes, by one head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from metaclr.evaluation.evaluator import Evaluator, WorkItem
from metaclr.evaluation.few_shot import few_shot
from metaclr.evaluation.heads import get_head
from metaclr.evaluation.target import Embedded


@dataclass(frozen=True)
class FewShot:
    """head: the classifier of an episode, a name in `metaclr.evaluation.HEADS`.

    Raises:
        UserError: an unknown head.
    """

    head: str = "cosine"

    def __post_init__(self) -> None:
        get_head(self.head)


def work_items(embedded: Embedded, settings: FewShot) -> list[WorkItem]:
    """One item per episode table."""
    options = {"target": embedded.target.name, "head": settings.head, "protocol": embedded.protocol}
    return [partial(few_shot, embedded.features, table, **options) for table in embedded.target.tables]


def _recipe_settings(recipe: Mapping[str, Any]) -> Mapping[str, Any] | None:
    few = recipe.get("few_shot")
    return {"head": few["head"]} if few else None


EVALUATOR = Evaluator(
    name="few-shot",
    family="few-shot",
    summary="accuracy over stored N-way K-shot episodes, by a head on frozen features",
    settings=FewShot(),
    work_items=work_items,
    recipe_settings=_recipe_settings,
)
