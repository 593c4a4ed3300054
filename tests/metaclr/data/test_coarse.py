"""Coarse labels are the groups; the two halves of every class share no image; the shipped sets fit together."""

from __future__ import annotations

import pytest
import torch

from episodes import ImageSet
from metaclr.data import load
from metaclr.data.coarse import by_group, halves
from metaclr.data.parts import take_parts
from metaclr.data.sets.coarse_sets import _CIFAR100, SUPER_CLASSES
from metaclr.errors import UserError


def shapes() -> ImageSet:
    source = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (14, 1, 4, 4), dtype=torch.uint8, generator=source)
    labels = torch.tensor([3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 0, 3, 3])
    return ImageSet(images, labels, ("cat", "dog", "oak", "elm"), ("animal", "animal", "tree", "tree"), name="shapes")


def test_classes_are_the_groups() -> None:
    fine = shapes()
    coarse = by_group(fine)
    assert coarse.class_names == ("animal", "tree")
    assert coarse.required_labels().tolist() == [int(label >= 2) for label in fine.required_labels().tolist()]
    assert torch.equal(coarse.images, fine.images)
    assert coarse.groups == ()
    other = by_group(fine, {"cat": "b", "dog": "a", "oak": "b", "elm": "a"})
    assert other.class_names == ("a", "b")
    assert other.required_labels()[:4].tolist() == [0, 1, 0, 1]


def test_halves_share_no_image_and_have_every_class() -> None:
    both = halves(shapes())
    train, test = (take_parts(both, (part,), "shapes") for part in ("train", "test"))
    assert train.class_counts().tolist() == [2, 2, 1, 3]
    assert test.class_counts().tolist() == [2, 1, 1, 2]
    kept = {bytes(image.numpy().tobytes()) for image in train.images}
    assert not kept & {bytes(image.numpy().tobytes()) for image in test.images}


def test_refusals() -> None:
    plain = ImageSet(shapes().images, shapes().labels, shapes().class_names)
    with pytest.raises(UserError, match="no groups"):
        by_group(plain)
    with pytest.raises(UserError, match="class 'dog' is in no group"):
        by_group(plain, {"cat": "animal"})


def test_super_classes_of_cifar100() -> None:
    assert len(SUPER_CLASSES.split()) == 120
    assert len(_CIFAR100) == 100
    assert len(set(_CIFAR100.values())) == 20


def test_scripts_and_letters_are_other_images_of_the_same_letters() -> None:
    coarse, fine = load("glyphs_coarse:train"), load("glyphs_fine:test")
    assert coarse.class_names == ("Armenian", "Cyrillic", "Georgian", "Greek", "Latin")
    assert set(fine.groups) == set(coarse.class_names)
    assert fine.class_counts().min() >= 6
    letters = load("glyphs_fine:train")
    assert torch.equal(letters.images, coarse.images)
    script_of = torch.tensor([coarse.class_names.index(group) for group in letters.groups])
    assert torch.equal(script_of[letters.required_labels()], coarse.required_labels())
