"""The walk through a set of images against a slow loop that holds whole epochs."""

from __future__ import annotations

import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from episodes import random
from episodes.epoch_permutation import EpochPermutation


def loop_walk(size: int, way: int, seed: int, epochs: int) -> list[int]:
    """The first epochs, one image at a time, with every epoch stored."""
    walk: list[int] = []
    for epoch in range(epochs):
        order = random.permute(random.key(seed, "epoch", epoch), torch.arange(size), size).tolist()
        overhang = len(walk) % way
        held = set(walk[len(walk) - overhang :])
        head = [i for i in order[:way] if i not in held] + [i for i in order[:way] if i in held]
        walk += head + order[way:]
    return walk


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_equals_the_loop_and_keeps_its_promises(size: int, way: int, seed: int) -> None:
    way = min(way, size)
    expected = loop_walk(size, way, seed, 7)
    walk = EpochPermutation(size, way, seed)(torch.arange(7 * size)).tolist()
    assert walk == expected
    for epoch in range(7):
        assert sorted(walk[epoch * size : (epoch + 1) * size]) == list(range(size)), "each image once an epoch"
    for start in range(0, len(walk) - way + 1, way):
        assert len(set(walk[start : start + way])) == way, "no image twice in a task"


@pytest.mark.parametrize(("size", "way"), [(1500, 256), (1500, 1000), (11, 10), (64, 64)])
def test_any_order_of_asking_gives_the_same(size: int, way: int) -> None:
    positions = torch.arange(size * 5)
    whole = EpochPermutation(size, way, 3)(positions)
    asked_backwards = EpochPermutation(size, way, 3)
    for start in reversed(range(0, size * 5, way)):
        part = positions[start : start + way]
        assert torch.equal(asked_backwards(part), whole[part])
    resumed = EpochPermutation(size, way, 3)
    assert torch.equal(resumed(positions[-way:]), whole[-way:])
    shape = (5, size)
    assert torch.equal(EpochPermutation(size, way, 3)(positions.view(shape)), whole.view(shape))


def test_epochs_and_seeds_differ() -> None:
    walk = EpochPermutation(2000, 16, 0)(torch.arange(6000)).view(3, 2000)
    other = EpochPermutation(2000, 16, 1)(torch.arange(2000))
    for a, b in ((0, 1), (1, 2), (0, 2)):
        assert int((walk[a] == walk[b]).sum()) < 10
    assert int((walk[0] == other).sum()) < 10


def test_a_step_of_a_huge_set_costs_its_batch() -> None:
    walk = EpochPermutation(500_000_000, 256, 0)  # a stored order would be 4 GB
    begin = time.process_time()
    images = walk(torch.arange(499_999_872, 500_000_128))  # over the end of an epoch
    assert time.process_time() - begin < 2
    assert len(torch.unique(images)) == 256
