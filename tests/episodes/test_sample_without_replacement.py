"""Draws without replacement against a Fisher-Yates shuffle in plain Python, and against chance."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from episodes import random
from episodes.sample_without_replacement import sample_without_replacement

LEAST_P = 1e-4


def loop_distinct(key: int, row: int, size: int, count: int) -> list[int]:
    """The same shuffle on a stored list, one swap at a time."""
    items, pairs = list(range(size)), -(-count // 2)
    for i in range(count):
        word = int(random.random_words(key, torch.tensor([row * pairs + i % pairs]))[0]) % (1 << 64)
        half = word >> 32 if i < pairs else word & 0xFFFFFFFF
        j = i + (half * (size - i) >> 32)
        items[i], items[j] = items[j], items[i]
    return items[:count]


@given(st.integers(0, 2**63 - 1), st.lists(st.integers(1, 12), min_size=1, max_size=5), st.integers(1, 12))
@settings(max_examples=80, deadline=None)
def test_equals_a_stored_fisher_yates_shuffle(key: int, sizes: list[int], count: int) -> None:
    count = min(count, *sizes)
    rows = torch.arange(len(sizes)) * 1_000_003
    drawn = sample_without_replacement(key, rows, torch.tensor(sizes), count).T.tolist()
    assert drawn == [loop_distinct(key, int(row), size, count) for row, size in zip(rows, sizes, strict=True)]


@given(st.integers(1, 2**31 - 1), st.integers(1, 40), st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_distinct_and_inside(size: int, count: int, key: int) -> None:
    count = min(count, size)
    drawn = sample_without_replacement(key, torch.arange(50), size, count)
    assert int(drawn.min()) >= 0
    assert int(drawn.max()) < size
    assert bool((drawn.sort(0).values.diff(dim=0) > 0).all())


def test_rows_do_not_depend_on_each_other() -> None:
    rows, sizes = torch.arange(1000), torch.arange(1000) % 50 + 16
    whole = sample_without_replacement(5, rows, sizes, 16)
    order = torch.randperm(1000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(sample_without_replacement(5, rows[order], sizes[order], 16), whole[:, order])


@pytest.mark.parametrize(("size", "count"), [(5, 2), (5, 3), (6, 3), (7, 2), (4, 4), (5, 5)])
def test_every_ordered_draw_is_as_likely(size: int, count: int) -> None:
    rows = torch.arange(200_000)
    drawn = sample_without_replacement(random.key(0, "uniform", size, count), rows, size, count).long()
    codes = (drawn * size ** torch.arange(count).unsqueeze(1)).sum(0)
    observed = torch.unique(codes, return_counts=True)[1]
    assert len(observed) == math.perm(size, count)
    assert stats.chisquare(observed.numpy()).pvalue > LEAST_P


def test_every_subset_of_many_is_as_likely() -> None:
    """3 of 12 unordered (220 subsets), and pairs of the 16 draws of 600 as an evaluation episode makes them."""
    drawn = sample_without_replacement(random.key(0, "subsets"), torch.arange(200_000), 12, 3).long().sort(0).values
    observed = torch.bincount(drawn[0] * 144 + drawn[1] * 12 + drawn[2], minlength=1728)
    subsets = [a * 144 + b * 12 + c for a, b, c in itertools.combinations(range(12), 3)]
    assert int(observed[subsets].sum()) == 200_000
    assert stats.chisquare(observed[subsets].numpy()).pvalue > LEAST_P

    drawn = sample_without_replacement(random.key(0, "episode"), torch.arange(200_000), 600, 16).long()
    for i, j in ((0, 1), (0, 15), (7, 8), (14, 15)):
        cells = torch.bincount(drawn[i] // 50 * 12 + drawn[j] // 50, minlength=144).double().numpy()
        same = 200_000 * (50 * 49) / (600 * 599)  # both draws in one cell: one value fewer for the second
        other = 200_000 * (50 * 50) / (600 * 599)
        expected = [same if cell // 12 == cell % 12 else other for cell in range(144)]
        assert stats.chisquare(cells, expected).pvalue > LEAST_P
