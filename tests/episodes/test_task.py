"""Shapes, index tables and their errors."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from episodes import Episode, EpisodeError, EpisodeTable, TaskShape


def test_views_are_support_plus_query() -> None:
    assert TaskShape(5, 1, 15).views == 16
    assert TaskShape(5, 2, 0).views == 2


@pytest.mark.parametrize("bad", [{"way": 0}, {"shot": 0}, {"query": -1}, {"tasks": 0}, {"way": 2.0}, {"shot": True}])
def test_impossible_shapes(bad: dict[str, int]) -> None:
    field, value = next(iter(bad.items()))
    with pytest.raises(EpisodeError, match=rf"{field} must be an integer of at least \d, not {value!r}"):
        TaskShape(**{"way": 5, "shot": 1, "query": 1, **bad})


def episode() -> Episode:
    images = torch.arange(24).view(2, 4, 3)
    return Episode(images, torch.zeros_like(images), images[..., 0], shot=1, step=7)


def test_support_and_query_are_the_parts() -> None:
    batch = episode()
    assert (batch.tasks, batch.way) == (2, 4)
    assert batch.support.shape == (2, 4, 1)
    assert batch.query.shape == (2, 4, 2)
    assert torch.equal(torch.cat([batch.support, batch.query], 2), batch.images)
    moved = batch.to("cpu")
    assert torch.equal(moved.images, batch.images)
    assert (moved.shot, moved.step) == (1, 7)


def test_malformed_tables() -> None:
    batch = episode()
    with pytest.raises(EpisodeError, match="views must both be"):
        replace(batch, views=batch.views[0])
    with pytest.raises(EpisodeError, match=r"labels must be \(T, N\)"):
        replace(batch, labels=batch.labels[:1])
    with pytest.raises(EpisodeError, match=r"shot must be in 1\.\.3"):
        replace(batch, shot=4)
    with pytest.raises(EpisodeError, match=r"\(E, N, K\)"):
        EpisodeTable(batch.images, batch.images[:1], "f", 0)
    with pytest.raises(EpisodeError, match="int64"):
        EpisodeTable(batch.images.int(), batch.images.int(), "f", 0)


def test_the_digest_covers_everything() -> None:
    support, query = torch.arange(10).view(1, 5, 2), torch.arange(10, 25).view(1, 5, 3)
    table = EpisodeTable(support, query, "print", 3)
    assert len(table) == 1
    assert table.shape == TaskShape(5, 2, 3)
    others = [
        replace(table, support=support + 1),
        replace(table, query=query.flip(0, 1, 2)),
        replace(table, fingerprint="other"),
        replace(table, seed=4),
        EpisodeTable(torch.arange(15).view(1, 5, 3), torch.arange(15, 25).view(1, 5, 2), "print", 3),
    ]
    assert len({table.digest, *(other.digest for other in others)}) == 6
    assert table.digest == replace(table, support=support.clone()).digest
