"""A target's own parts decide what probes are fitted, chosen and tested on; nothing is replaced in silence."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from episodes import ImageSet
from metaclr.evaluation.target_split import TargetSplit, target_split


def of_parts(counts: dict[str, list[int]]) -> ImageSet:
    """counts: images of each class in each part."""
    rows = [(part, c) for part, some in counts.items() for c, n in enumerate(some) for _ in range(n)]
    images = torch.arange(len(rows), dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4).contiguous()
    names = tuple(f"c{i}" for i in range(max(map(len, counts.values()))))
    return ImageSet(images, torch.tensor([c for _, c in rows]), names, split=tuple(part for part, _ in rows))


def taken(images: ImageSet, split: TargetSplit) -> tuple[Counter[str], Counter[str]]:
    fitted, tested = (images.select(index) for index in (split.train, split.test))
    return Counter(fitted.split), Counter(tested.split)


def test_parts_of_the_same_classes_are_used_as_they_are() -> None:
    images = of_parts({"test": [2, 3], "train": [5, 1], "val": [4, 4]})
    split = target_split(images, 0)
    assert taken(images, split) == (Counter(train=6), Counter(test=5))
    assert split.origin == "parts train and test"
    assert split.notes == (
        "probes are fitted on part train (6 images) and tested on part test (5); the penalty of the linear probe is"
        " chosen on part val (8)",
    )


def test_shared_classes_are_used_and_the_others_named() -> None:
    images = of_parts({"train": [4, 4, 4, 0], "test": [0, 4, 4, 4]})
    split = target_split(images, 0)
    labels = images.required_labels()
    assert set(labels[split.train].tolist()) == set(labels[split.test].tolist()) == {1, 2}
    assert taken(images, split) == (Counter(train=8), Counter(test=8))
    assert "1 classes that are in part train alone: c0" in split.notes[1]
    assert "1 classes that are in part test alone: c3" in split.notes[2]


def test_a_split_by_classes_is_halved_and_said() -> None:
    images = of_parts({"train": [4, 4, 0, 0], "test": [0, 0, 4, 4]})
    split = target_split(images, 0)
    assert taken(images, split) == (Counter(train=4, test=4), Counter(train=4, test=4))
    assert "share fewer than 2 classes" in split.notes[0]


@pytest.mark.parametrize(
    ("counts", "drawn_of"),
    [
        ({"train": [4, 4], "val": [2, 2]}, "train"),
        ({"test": [4, 4], "val": [2, 2]}, "test"),
        ({"val": [4, 4]}, "val"),
        ({"train": [4, 4]}, "train"),
        ({"train": [4, 4], "gallery": [4, 4]}, "train"),
    ],
)
def test_val_is_never_test_data_in_silence(counts: dict[str, list[int]], drawn_of: str) -> None:
    images = of_parts(counts)
    split = target_split(images, 0)
    assert taken(images, split) == (Counter({drawn_of: 4}), Counter({drawn_of: 4}))
    assert len(split.notes) == 1
    assert "random half" in split.notes[0]


@pytest.mark.parametrize(
    ("counts", "fitted", "tested"),
    [
        ({"query": [2, 2], "gallery": [3, 3], "train": [0, 0, 4, 4]}, "gallery", "query"),
        ({"query": [2, 2], "gallery": [3, 3], "train": [4, 4]}, "train", "query"),
        ({"trainval": [3, 3], "test": [2, 2]}, "trainval", "test"),
        ({"support": [1, 1], "query": [2, 2]}, "support", "query"),
    ],
)
def test_parts_by_other_names(counts: dict[str, list[int]], fitted: str, tested: str) -> None:
    images = of_parts(counts)
    mine, theirs = taken(images, target_split(images, 0))
    assert (set(mine), set(theirs)) == ({fitted}, {tested})


def test_without_parts_nothing_is_said() -> None:
    images = of_parts({"": [6, 6]}).without_split()
    split = target_split(images, 0)
    assert (len(split.train), len(split.test), split.notes, split.origin) == (6, 6, (), "random halves")


@given(
    st.dictionaries(
        st.sampled_from(["train", "val", "test", "query"]),
        st.lists(st.integers(2, 4), min_size=3, max_size=3),
        min_size=1,
    )
)
@settings(max_examples=60, deadline=None)
def test_fitted_and_tested_images_are_apart(counts: dict[str, list[int]]) -> None:
    images = of_parts(counts)
    split = target_split(images, 0)
    both = torch.cat([split.train, split.test])
    assert len(torch.unique(both)) == len(both)
    assert torch.equal(split.train, split.train.sort().values)
    labels = images.required_labels()
    assert set(labels[split.test].tolist()) <= set(labels[split.train].tolist())


def test_the_digest_is_of_both_sides() -> None:
    one, two = torch.tensor([0, 1]), torch.tensor([2, 3])
    digests = {TargetSplit(a, b, "x").digest for a, b in ((one, two), (two, one), (one, one), (one, two[:1]))}
    assert len(digests) == 4


def test_settings_are_chosen_on_the_part_for_it() -> None:
    images = of_parts({"train": [4, 4, 4, 0], "val": [2, 2, 0, 3], "test": [3, 3, 3, 3]})
    split = target_split(images, 0)
    assert Counter(images.select(split.val).split) == {"val": 4}
    assert images.select(split.val).required_labels().tolist() == [0, 0, 1, 1]
    assert "chosen on part val (4, 2 of the 3 classes)" in split.notes[0]
    halves = target_split(of_parts({"train": [4, 4], "val": [2, 2]}), 0)
    assert len(halves.val) == 4
    assert "chosen on part val (4)" in halves.notes[0]


@pytest.mark.parametrize(
    "counts",
    [
        {"train": [4, 4], "test": [2, 2]},  # no such part
        {"train": [4, 4], "test": [2, 2], "val": [3, 0]},  # one class alone
        {"train": [4, 0, 0], "val": [0, 4, 0], "test": [0, 0, 4]},  # a split by classes
    ],
)
def test_without_a_part_for_it_a_third_of_the_training_part_is_held_out(counts: dict[str, list[int]]) -> None:
    split = target_split(of_parts(counts), 0)
    assert not len(split.val)
    assert "chosen on a held-out third" in split.notes[0]


def test_another_validation_part_is_another_split() -> None:
    digests = {
        target_split(of_parts({"train": [4, 4], "val": val, "test": [2, 2]}), 0).digest for val in ([3, 0], [2, 2])
    }
    assert len(digests) == 2
