"""Evaluation episodes that fit a target: fewer ways or queries where it is small, the same for every method."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING

from episodes import ImageSet, TaskShape
from metaclr.comparison.settings.task_shapes import name_classes
from metaclr.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from metaclr.recipe import FewShotRecipe

MIN_SHARE = 0.75
"""Share of the classes that episodes must be able to draw on before queries are reduced."""

_KEY = "evaluate.few_shot"


def episode_shapes(
    name: str, images: ImageSet, settings: FewShotRecipe, fixed: Collection[str], remarks: list[str]
) -> list[TaskShape]:
    """The episodes of a target, by way and shot of the settings, and in `remarks` what was changed to fit them.

    Ways above the number of classes are left out (or become that number, where all are). Where classes have too few
    images, episodes have fewer queries, down to a third of the setting, so that every class takes part. Where that is
    not enough, up to a quarter of the classes is left out; beyond that, episodes have fewer queries, then fewer ways.

    Args:
        fixed: keys of the recipe whose values the user gave (`evaluate.few_shot.query`): they hold, or are refused.

    Raises:
        UserError: a value that the user gave and the target cannot fill, with one that works; or fewer than 2 classes
            of 2 images.
    """
    counts = images.class_counts()
    shapes: list[TaskShape] = []
    for way in _ways(name, len(counts), settings, fixed, remarks):
        for shot in settings.shots:
            shape = _fit(name, images, counts, TaskShape(way, shot, settings.query), fixed, remarks)
            if shape is not None and shape not in shapes:
                shapes.append(shape)
    if not shapes:
        raise UserError(
            f"{name}: few-shot episodes need 2 classes of {min(settings.shots) + 1} images, and it has "
            f"{int((counts > min(settings.shots)).sum())}; set {_KEY}=false to leave them out"
        )
    if any(shape.way == 1 for shape in shapes):
        remarks.append(f"{name}: 1-way tasks have one possible answer, so their accuracy is 100 % for every encoder")
    return shapes


def _ways(name: str, classes: int, settings: FewShotRecipe, fixed: Collection[str], remarks: list[str]) -> list[int]:
    possible = [way for way in settings.ways if way <= classes]
    if possible:
        remarks += [f"{name}: no {way}-way tasks, it has {classes} classes" for way in settings.ways if way > classes]
        return possible
    if f"{_KEY}.ways" in fixed or classes < 2:
        raise UserError(
            f"{name}: {_KEY}.ways = {list(settings.ways)}, but it has {classes} classes; set {_KEY}.ways=[{classes}]"
        )
    remarks.append(f"{name}: {classes}-way tasks instead of {_listed(settings.ways)}, it has {classes} classes")
    return [classes]


def _fit(
    name: str, images: ImageSet, counts: Tensor, shape: TaskShape, fixed: Collection[str], remarks: list[str]
) -> TaskShape | None:
    """A shape that the classes can fill; None where a shot is too many for the set."""
    way, shot, query = shape.way, shape.shot, shape.query

    def classes(query: int) -> int:
        return int((counts >= shot + query).sum())

    if classes(query) == len(counts):
        return shape
    smallest = int(counts.min())
    if f"{_KEY}.query" in fixed:
        fits = f"{_KEY}.query={smallest - shot}" if smallest > shot else f"{_KEY}.shots=[{max(1, smallest - query)}]"
        raise UserError(
            f"{name}: {_KEY}.query = {query} with {shot} shot needs {shot + query} images of each class, but class "
            f"{images.class_name(int(counts.argmin()))!r} has {smallest}; set {fits}"
        )
    fewest = math.ceil(query / 3)
    chosen = smallest - shot if smallest - shot >= fewest else None  # no class is left out
    enough = max(way, math.ceil(MIN_SHARE * len(counts)))
    if chosen is None:
        chosen = next((q for q in range(query, 0, -1) if classes(q) >= enough), None)
    if chosen is None:
        chosen = next((q for q in range(query, 0, -1) if classes(q) >= way), None)
    if chosen is None and f"{_KEY}.ways" not in fixed and classes(1) >= 2:
        way, chosen = classes(1), 1
    if chosen is None:
        if f"{_KEY}.shots" in fixed:
            raise UserError(
                f"{name}: {_KEY}.shots has {shot}, and {classes(1)} classes have {shot + 1} images or more; set "
                f"{_KEY}.shots=[{max(1, int(counts.sort(descending=True).values[:2].min()) - 1)}]"
            )
        remarks.append(f"{name}: no {shape.way}-way {shot}-shot tasks, {classes(1)} classes have {shot + 1} images")
        return None
    fitted = TaskShape(way, shot, chosen)
    small = (counts < fitted.views).nonzero().flatten()
    what = f"{name}: {way}-way {shot}-shot tasks"
    if chosen < query:
        remarks.append(
            f"{what} with {chosen} queries a way instead of {query}, its smallest class has {smallest} images"
        )
    if way < shape.way:
        remarks.append(f"{what} instead of {shape.way}-way")
    if len(small):
        remarks.append(f"{what} without {name_classes(images, small)}: fewer than {fitted.views} images")
    return fitted


def _listed(values: Collection[int]) -> str:
    return ", ".join(map(str, values))
