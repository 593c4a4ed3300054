"""The evaluators, one file each. A file is all it takes: there is no list to enter it in.

A file is a module of this package that holds `EVALUATOR`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from metaclr.errors import unknown
from metaclr.evaluation.evaluator import Evaluator

_ORDER = ("few-shot", "linear", "knn", "low-label")
"""Families in the order of the tables; others follow by name."""


@cache
def evaluators() -> Mapping[str, Evaluator]:
    """All evaluators by name, in the order of the tables."""
    found = [import_module(f"{__name__}.{module.name}").EVALUATOR for module in iter_modules(__path__)]
    rank = {family: number for number, family in enumerate(_ORDER)}
    # "low-label frozen" comes before "low-label finetune": from what changes least to what changes most.
    found.sort(key=lambda e: (rank.get(e.family, len(rank)), e.family, "finetune" in e.name, e.name))
    return {evaluator.name: evaluator for evaluator in found}


def get(name: str) -> Evaluator:
    """An evaluator by its name.

    Raises:
        UserError: an unknown name; the message has the nearest one.
    """
    if name not in evaluators():
        raise unknown("evaluator", name, evaluators())
    return evaluators()[name]


def chosen(recipe: Mapping[str, Any]) -> list[tuple[Evaluator, Any]]:
    """The evaluators that a recipe's `evaluate` table asks for, each with its settings, in the order of the tables.

    Raises:
        UserError: an unknown evaluator in `evaluate.more`, or settings that an evaluator refuses.
    """
    for name in recipe.get("more", {}):
        get(name)
    pairs = [(evaluator, evaluator.settings_in(recipe)) for evaluator in evaluators().values()]
    return [(evaluator, settings) for evaluator, settings in pairs if settings is not None]
