"""Train and test halves, and label subsets."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from episodes import EpisodeError, ImageSet, label_subset, train_test_indices, train_test_split


def with_counts(counts: list[int], split: tuple[str, ...] = ()) -> ImageSet:
    """Classes of these sizes, images in an order that mixes them."""
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    names = tuple(f"c{i}" for i in range(len(counts)))
    return ImageSet(torch.zeros(len(labels), 1, 2, 2, dtype=torch.uint8), labels, names, split=split, name="toy")


@given(st.lists(st.integers(2, 30), min_size=1, max_size=8), st.floats(0.05, 0.95), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_halves_are_stratified_and_cover_the_set(counts: list[int], fraction: float, seed: int) -> None:
    toy = with_counts(counts)
    train, test = train_test_indices(toy, seed, fraction)
    assert torch.equal(torch.cat([train, test]).sort().values, torch.arange(len(toy)))
    assert torch.equal(train, train.sort().values)
    taken = torch.bincount(toy.required_labels()[train], minlength=len(counts)).tolist()
    assert all(1 <= t < n for t, n in zip(taken, counts, strict=True))
    assert all(abs(t - n * fraction) <= 1 for t, n in zip(taken, counts, strict=True))
    again, _ = train_test_indices(toy, seed, fraction)
    assert torch.equal(train, again)


def test_halves_use_the_sets_own_split_where_every_class_is_in_both() -> None:
    labels = torch.arange(12) % 3
    images = torch.zeros(12, 1, 2, 2, dtype=torch.uint8)
    own = ImageSet(images, labels, split=("test",) * 3 + ("val",) * 3 + ("train",) * 6)
    train, test = train_test_split(own, 0)
    assert set(train.split) == {"train"}
    assert set(test.split) == {"test"}
    by_class = ImageSet(images, labels, split=tuple("train" if i % 3 else "test" for i in range(12)))
    train, test = train_test_split(by_class, 0)
    assert train.class_counts().tolist() == test.class_counts().tolist() == [2, 2, 2]


def test_halves_are_uniform_over_seeds() -> None:
    toy = with_counts([4, 6])
    chosen = torch.zeros(10)
    for seed in range(600):
        chosen[train_test_indices(toy, seed)[0]] += 1
    assert float((chosen / 600 - 0.5).abs().max()) < 4.5 * 0.5 / 600**0.5


def test_halves_errors() -> None:
    with pytest.raises(EpisodeError, match="'c1' has 1 image"):
        train_test_split(with_counts([3, 1]), 0)
    with pytest.raises(EpisodeError, match="needs labels"):
        train_test_split(with_counts([3, 3]).unlabelled(), 0)
    for fraction in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(EpisodeError, match="between 0 and 1"):
            train_test_split(with_counts([3, 3]), 0, fraction)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.floats(0.001, 1.0), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_a_fraction_of_each_class(counts: list[int], fraction: float, seed: int) -> None:
    toy = with_counts(counts)
    chosen = label_subset(toy, seed, fraction=fraction)
    assert torch.equal(chosen, torch.unique(chosen))
    taken = torch.bincount(toy.required_labels()[chosen], minlength=len(counts)).tolist()
    assert all(1 <= t <= n and abs(t - n * fraction) <= 1 for t, n in zip(taken, counts, strict=True))


def test_a_number_of_each_class_nested_and_seeded() -> None:
    toy = with_counts([20, 30, 25])
    subsets = [set(label_subset(toy, 0, per_class=k).tolist()) for k in (1, 5, 20)]
    assert [len(s) for s in subsets] == [3, 15, 60]
    assert subsets[0] < subsets[1] < subsets[2]
    assert subsets[1] != set(label_subset(toy, 1, per_class=5).tolist())
    assert set(label_subset(toy, 0, fraction=0.1).tolist()) < set(label_subset(toy, 0, fraction=0.5).tolist())


def test_label_subset_errors() -> None:
    toy = with_counts([5, 3])
    with pytest.raises(EpisodeError, match="4 labels per class, but class 'c1' has 3"):
        label_subset(toy, 0, per_class=4)
    for wrong in ({}, {"fraction": 0.5, "per_class": 1}):
        with pytest.raises(EpisodeError, match="either"):
            label_subset(toy, 0, **wrong)  # type: ignore[arg-type]
    for fraction in (0.0, 1.5):
        with pytest.raises(EpisodeError, match="fraction"):
            label_subset(toy, 0, fraction=fraction)
    empty = toy.select((toy.required_labels() == 0).nonzero().flatten())
    with pytest.raises(EpisodeError, match="'c1' has no image"):
        label_subset(empty, 0, fraction=0.5)
