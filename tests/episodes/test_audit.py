"""Leaks that are there are found, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from episodes import (
    Episode,
    EpisodeError,
    EpisodeSampler,
    EpisodeTable,
    ImageSet,
    TaskShape,
    audit,
    check_episode,
    check_table,
    duplicates,
    image_hashes,
    sample_table,
    without_leaks,
)


def with_values(values: list[int], classes: int = 1, **fields: Any) -> ImageSet:
    """One image per value; equal values are equal pixels."""
    images = torch.tensor(values, dtype=torch.int32).view(torch.uint8).view(-1, 1, 2, 2)
    labels = torch.arange(len(values)) % classes
    return ImageSet(images, labels, **{"name": "toy", **fields})


@given(st.lists(st.integers(0, 30), min_size=1, max_size=30), st.lists(st.integers(0, 30), min_size=1, max_size=30))
@settings(max_examples=80, deadline=None)
def test_shared_and_repeated_images(ours: list[int], theirs: list[int]) -> None:
    source, target = with_values(ours), with_values(theirs, name="target")
    report = audit(source, target)
    shared = [i for i, value in enumerate(theirs) if value in ours]
    assert report.shared_images.tolist() == shared
    assert report.repeated_images == len(theirs) - len(set(theirs))
    assert report.clean == (not shared)
    assert duplicates(target).tolist() == [i for i, value in enumerate(theirs) if value in theirs[:i]]
    if len(shared) == len(theirs):
        with pytest.raises(EpisodeError, match="every image"):
            without_leaks(target, report)
    else:
        cleaned = without_leaks(target, report)
        assert len(cleaned) == len(theirs) - len(shared)
        assert audit(source, cleaned).clean


def test_shared_class_names() -> None:
    source = with_values([0, 1, 2], 3, class_names=("a", "b", "c"))
    target = with_values([3, 4, 5], 3, class_names=("d", "c", "b"), name="held out")
    report = audit(source, target)
    assert report.shared_classes == ("b", "c")
    assert not report.clean
    assert report.lines() == [
        "toy (3 images) and held out (3 images): 2 classes and 0 images in common",
        "shared classes: b, c",
    ]
    nameless = audit(with_values([0]), with_values([1]))
    assert nameless.clean
    assert len(nameless.lines()) == 1


def test_without_leaks_drops_classes_left_empty() -> None:
    source = with_values([0, 2], name="source")
    target = with_values([0, 1, 2, 3], 2, class_names=("even", "odd"))
    cleaned = without_leaks(target, audit(source, target))
    assert cleaned.class_names == ("odd",)
    assert without_leaks(cleaned, audit(source, cleaned)) is cleaned
    unlabelled = target.unlabelled()
    assert len(without_leaks(unlabelled, audit(source, unlabelled))) == 2
    with pytest.raises(EpisodeError, match="not of toy"):
        without_leaks(target.select([0, 1]), audit(source, target))


def test_size_and_channels_are_part_of_an_image() -> None:
    flat = torch.zeros(1, 1, 4, 3, dtype=torch.uint8)
    shapes = [flat, flat.reshape(1, 1, 3, 4), flat.reshape(1, 3, 2, 2), flat.reshape(1, 3, 1, 4)]
    assert len({image_hashes(ImageSet(images))[0] for images in shapes}) == 4


def test_the_layout_in_memory_is_not() -> None:
    images = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert image_hashes(ImageSet(images)) == image_hashes(ImageSet(images.to(memory_format=torch.channels_last)))
    assert image_hashes(ImageSet(images[::2])) == image_hashes(ImageSet(images))[::2]


def labelled() -> ImageSet:
    return with_values(list(range(40)), 5)


def test_sampled_tables_and_batches_pass() -> None:
    toy = labelled()
    check_table(sample_table(toy, TaskShape(3, 2, 3), 700, 0), toy)
    check_episode(EpisodeSampler(toy, TaskShape(3, 2, 3, 4), way_type="classes")(0), toy)
    check_episode(EpisodeSampler(toy, TaskShape(8, 2, 3, 4))(0), toy)


def test_leaky_tables_are_refused() -> None:
    toy = labelled()
    table = sample_table(toy, TaskShape(3, 2, 3), 700, 0)

    def refused(said: str, support: torch.Tensor, query: torch.Tensor, images: ImageSet = toy) -> None:
        leaky = EpisodeTable(support, query, images.fingerprint(), 0)
        with pytest.raises(EpisodeError, match=said):
            check_table(leaky, images)

    query = table.query.clone()
    query[650, 1, 2] = table.support[650, 1, 0]
    refused("episode 650 has an image twice", table.support, query)
    query[650, 1, 2] = table.query[650, 0, 0]
    refused("episode 650 mixes classes in one way", table.support, query)
    refused(
        "episode 5 has a class twice",
        torch.where(torch.arange(700).view(-1, 1, 1) == 5, table.support[:, :1], table.support),
        torch.where(torch.arange(700).view(-1, 1, 1) == 5, table.query[:, :1], table.query),
    )
    values = list(range(40))
    values[int(table.query[0, 0, 0])] = int(table.support[0, 0, 0])
    refused("episode 0 has the same pixels in support and query", table.support, table.query, with_values(values, 5))
    with pytest.raises(EpisodeError, match="other images"):
        check_table(table, with_values(values, 5))


def test_leaky_batches_are_refused() -> None:
    toy = labelled()
    batch = EpisodeSampler(toy, TaskShape(4, 1, 2, 3))(0)

    def refused(said: str, leaky: Episode, images: ImageSet = toy) -> None:
        with pytest.raises(EpisodeError, match=said):
            check_episode(leaky, images)

    images = batch.images.clone()
    images[2, 0] = images[2, 3]
    refused("episode 2 has the same image in two ways", replace(batch, images=images))
    views = batch.views.clone()
    views[1, 2] = 0
    refused("episode 1 has the same view of an image twice", replace(batch, views=views))
    values = list(range(40))
    values[int(batch.images[1, 0, 0])] = int(batch.images[1, 1, 0])
    refused("episode 1 has the same content in two ways", batch, with_values(values, 5))
    labelled_batch = EpisodeSampler(toy, TaskShape(3, 2, 3, 4), way_type="classes")(0)
    mixed = labelled_batch.images.clone()
    mixed[3, 0, 0] = mixed[3, 1, 1]
    refused("episode 3 mixes classes", replace(labelled_batch, images=mixed))
