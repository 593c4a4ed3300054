"""Parts of a labelled set that do not depend on any method: a train/test split, and a few labels per class."""

from __future__ import annotations

import torch
from torch import Tensor

from episodes import random
from episodes.errors import EpisodeError
from episodes.image_set import ImageSet, by_class


def train_test_indices(image_set: ImageSet, seed: int, fraction: float = 0.5) -> tuple[Tensor, Tensor]:
    """Indices of the training and the test images of a labelled set, both sorted.

    The set's own "train" and "test" where every class has images in both; else `fraction` of each class,
    rounded to the nearest and at least one image on either side, is drawn for training.

    Raises:
        EpisodeError: no labels, a class with fewer than 2 images, or a fraction outside 0..1.

    >>> images = ImageSet(torch.zeros(6, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 0, 0, 0, 1, 1]))
    >>> train, test = train_test_indices(images, seed=0)
    >>> len(train), len(test)
    (3, 3)
    """
    if not 0 < fraction < 1:
        raise EpisodeError(f"fraction must lie between 0 and 1, not {fraction}")
    labels = image_set.required_labels()
    own = _own_split(image_set, labels)
    if own is not None:
        return own
    counts = image_set.class_counts()
    if int(counts.min()) < 2:
        poor = int(counts.argmin())
        raise EpisodeError(
            f"{image_set.name}: class {image_set.class_name(poor)!r} has {int(counts[poor])} image; "
            "a training and a test part need 2 of each class"
        )
    take = (counts * fraction).round().to(torch.int64).clamp(min=1).minimum(counts - 1)
    chosen = _first_of_each(labels, take, random.key(seed, "halves"))
    return chosen.nonzero().flatten(), (~chosen).nonzero().flatten()


def train_test_split(image_set: ImageSet, seed: int, fraction: float = 0.5) -> tuple[ImageSet, ImageSet]:
    """The training and the test part of a labelled set; see `train_test_indices`.

    >>> images = ImageSet(torch.zeros(6, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 0, 0, 0, 1, 1]))
    >>> [part.class_counts().tolist() for part in train_test_split(images, seed=0)]
    [[2, 1], [2, 1]]
    """
    train, test = train_test_indices(image_set, seed, fraction)
    return image_set.select(train), image_set.select(test)


def label_subset(
    image_set: ImageSet, seed: int, *, fraction: float | None = None, per_class: int | None = None
) -> Tensor:
    """Sorted indices of a class-balanced label subset: a fraction of each class, or k images of each.

    A fraction is rounded per class and gives at least one label of every class. With one seed a smaller subset is
    part of any larger one.

    Raises:
        EpisodeError: neither or both given, out of range, or a class with fewer than k images or none.

    >>> images = ImageSet(torch.zeros(6, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 0, 0, 0, 1, 1]))
    >>> images.required_labels()[label_subset(images, seed=0, per_class=2)].tolist()
    [0, 0, 1, 1]
    """
    if (fraction is None) == (per_class is None):
        raise EpisodeError("a label subset is either a fraction or a number per class")
    labels, counts = image_set.required_labels(), image_set.class_counts()
    if fraction is not None:
        if not 0 < fraction <= 1:
            raise EpisodeError(f"fraction must lie above 0 and up to 1, not {fraction}")
        take = (counts * fraction).round().to(torch.int64).clamp(min=1)
        if not int(counts.min()):
            name = image_set.class_name(int(counts.argmin()))
            raise EpisodeError(f"{image_set.name}: class {name!r} has no image; with_at_least(1) leaves it out")
    else:
        assert per_class is not None
        if not 1 <= per_class <= int(counts.min()):
            poor = int(counts.argmin())
            raise EpisodeError(
                f"{image_set.name}: {per_class} labels per class, but class {image_set.class_name(poor)!r} has "
                f"{int(counts[poor])}; at most that many"
            )
        take = torch.full_like(counts, per_class)
    return _first_of_each(labels, take, random.key(seed, "label subset")).nonzero().flatten()


def _own_split(image_set: ImageSet, labels: Tensor) -> tuple[Tensor, Tensor] | None:
    if not image_set.split:
        return None
    parts = []
    for name in ("train", "test"):
        inside = torch.tensor([split == name for split in image_set.split])
        if len(torch.unique(labels[inside])) < image_set.classes:
            return None
        parts.append(inside.nonzero().flatten())
    return parts[0], parts[1]


def _first_of_each(labels: Tensor, take: Tensor, key: int) -> Tensor:
    """(M,) bool: the first `take` images of each class in a random order of the set."""
    shuffled = torch.argsort(random.random_words(key, torch.arange(len(labels))))
    order, offsets = by_class(labels[shuffled], len(take))
    counts = offsets.diff()
    rank = torch.arange(len(labels)) - offsets[:-1].repeat_interleave(counts)
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    chosen[shuffled[order]] = rank < take.repeat_interleave(counts)
    return chosen
