"""A target prepared once for all methods: its stored episodes and its stored label subsets."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from episodes import ImageSet, stored_table
from metaclr.comparison.planning.episode_shapes import episode_shapes
from metaclr.comparison.planning.image_list import write_image_list
from metaclr.comparison.planning.split_remarks import split_remarks
from metaclr.data.named_sets import published_episodes
from metaclr.data.notes import surprises
from metaclr.evaluation import Target
from metaclr.evaluation.target import check_measurable, choose_labels

if TYPE_CHECKING:
    from torch import Tensor

    from episodes import EpisodeTable
    from metaclr.recipe import EvaluateRecipe


def prepare(
    name: str,
    images: ImageSet,
    settings: EvaluateRecipe,
    folder: Path | None,
    *,
    shuffle: bool = False,
    fixed: Collection[str] = (),
) -> tuple[Target, tuple[str, ...]]:
    """Draw and store what the evaluators need of one target; and remarks on what was changed to fit its size.

    Args:
        folder: of the stored episodes and label subsets; a list of the images goes into `images` beside it.
        shuffle: permute the labels at random first, the negative control.
        fixed: keys of the recipe whose values hold; see `episode_shapes`.

    Raises:
        UserError: the target has no labels and no captions, or cannot fill a task shape that is fixed (names the class
            and its count).
    """
    check_measurable(name, images)
    if images.labels is None:
        return _of_captions(name, images, folder)
    if shuffle:
        images = images.shuffled_labels(seed=0)
    remarks = [f"{name}: {note}" for note in surprises(images)]
    tables = tuple(_tables(name, images, settings, folder, fixed, remarks))
    if images.classes > settings.max_probe_classes and (settings.linear or settings.low_label):
        many = f"{images.classes} classes are more than max_probe_classes = {settings.max_probe_classes}"
        remarks.append(f"{name}: no linear probe and no low-label results, {many}")
    bare = Target(name, images, tables)
    if settings.linear or settings.knn or settings.low_label:
        remarks += split_remarks(bare)
    subsets = _subsets(name, bare.train_images, settings, folder, remarks)
    target = Target(name, images, tables, subsets)
    if folder is not None:
        write_image_list(folder.parent / "images", target)
    return target, tuple(remarks)


def _of_captions(name: str, images: ImageSet, folder: Path | None) -> tuple[Target, tuple[str, ...]]:
    """A target whose images have captions alone."""
    target = Target(name, images)
    if folder is not None:
        write_image_list(folder.parent / "images", target)
    remark = f"{name}: it has captions and no labels: retrieval alone is measured (evaluate.more={{retrieval={{}}}})"
    return target, (*(f"{name}: {note}" for note in surprises(images)), remark)


def _tables(
    name: str,
    images: ImageSet,
    settings: EvaluateRecipe,
    folder: Path | None,
    fixed: Collection[str],
    remarks: list[str],
) -> list[EpisodeTable]:
    few = settings.few_shot
    if not few:
        return []
    published = published_episodes(name)
    if published is not None:
        table = published(images)
        shape = table.shape
        remarks.append(f"{name}: its {len(table)} published episodes, {shape.way}-way {shape.shot}-shot")
        return [table]
    shapes = episode_shapes(name, images, few, fixed, remarks)
    return [stored_table(images, shape, few.episodes, few.seed, folder, leave_out_small=True) for shape in shapes]


def _subsets(
    name: str, train: ImageSet, settings: EvaluateRecipe, folder: Path | None, remarks: list[str]
) -> tuple[tuple[str, tuple[Tensor, ...]], ...]:
    few = settings.low_label
    if not few or train.classes > settings.max_probe_classes:
        return ()
    smallest = int(train.class_counts().min())
    possible = [k for k in few.per_class if k <= smallest]
    remarks += [
        f"{name}: no {k} labels per class, a class has {smallest} training images"
        for k in few.per_class
        if k not in possible
    ]
    return choose_labels(train, few.fractions, possible, few.subsets, folder)
