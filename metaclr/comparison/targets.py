"""A target made ready once for all methods: its parts, its stored episodes, its stored label subsets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from episodes import EpisodeTable, ImageSet, TaskShape, halves, label_subset, stored_table
from metaclr.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from metaclr.recipe import CompareRecipe

SPLIT_SEED = 0
"""Train and test images of a target never depend on the seed of a run."""


@dataclass(frozen=True)
class LabelSubset:
    """A stored few labels: `name` as tables call it, the indices into the training part per subset seed."""

    name: str
    indices: tuple[Tensor, ...]


@dataclass(frozen=True)
class Target:
    """What every encoder is judged on.

    Few-shot episodes draw on all images; probes fit on `train` and are judged on `test`.
    """

    name: str
    images: ImageSet
    train: ImageSet
    test: ImageSet
    tables: tuple[EpisodeTable, ...]
    subsets: tuple[LabelSubset, ...]
    remarks: tuple[str, ...] = ()


def prepare(name: str, images: ImageSet, recipe: CompareRecipe, folder: Path) -> Target:
    """Split, draw and store what the evaluators need of one target.

    Raises:
        UserError: the target has no labels.
        EpisodeError: a task shape that the target cannot give (names the class and its count).
    """
    if images.labels is None:
        raise UserError(f"target {name!r} has no labels, so nothing can be measured on it")
    if recipe.shuffle_labels:
        images = images.shuffled_labels(seed=0)
    train, test = halves(images, seed=SPLIT_SEED)
    remarks: list[str] = []
    tables = tuple(_tables(images, recipe, folder))
    subsets = tuple(_subsets(name, train, recipe, remarks))
    return Target(name, images, train, test, tables, subsets, tuple(remarks))


def _tables(images: ImageSet, recipe: CompareRecipe, folder: Path) -> list[EpisodeTable]:
    settings = recipe.evaluate.few_shot
    if not settings:
        return []
    # A 20-way task on ten digits cannot be; the way is left out there, not shrunk in silence.
    ways = [way for way in settings.ways if way <= images.classes] or [min(settings.ways)]
    shapes = [TaskShape(way, shot, settings.query) for way in ways for shot in settings.shots]
    return [stored_table(images, s, settings.episodes, settings.seed, folder) for s in shapes]


def _subsets(name: str, train: ImageSet, recipe: CompareRecipe, remarks: list[str]) -> list[LabelSubset]:
    settings = recipe.evaluate.low_label
    if not settings:
        return []
    if train.classes > settings.max_classes:
        remarks.append(f"{name}: low-label left out ({train.classes} classes, max_classes {settings.max_classes})")
        return []
    seeds = range(settings.subsets)
    made = []
    for fraction in settings.fractions:
        indices = tuple(label_subset(train, seed, fraction=fraction) for seed in seeds)
        made.append(LabelSubset(f"{fraction * 100:g} % ({len(indices[0])})", indices))
    smallest = int(train.class_counts().min())
    for k in settings.per_class:
        if k > smallest:
            remarks.append(f"{name}: {k} labels per class left out (a class has {smallest} training images)")
            continue
        indices = tuple(label_subset(train, seed, per_class=k) for seed in seeds)
        made.append(LabelSubset(f"{k} per class ({len(indices[0])})", indices))
    return made
