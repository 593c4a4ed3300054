"""The counter-based generator against SplitMix64's published outputs, a Python loop, and the statistics of chance."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from episodes import random

LEAST_P = 1e-4  # the keys are fixed, so a test that passes once passes always
GOLDEN_WEYL = 0x9E3779B97F4A7C15 - (1 << 64)


def loop_word(key: int, item: int) -> int:
    """SplitMix64 in Python integers; unsigned."""
    mask = (1 << 64) - 1
    z = (key + item * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def test_published_outputs_of_splitmix64() -> None:
    # Seed 0 of the reference implementation (https://prng.di.unimi.it/splitmix64.c): its state moves before it mixes.
    random_words = [int(w) % (1 << 64) for w in random.random_words(GOLDEN_WEYL, torch.arange(5))]
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC, 0x1B39896A51A8749B]
    assert random_words == published


def test_pinned_values_never_change() -> None:
    """A change of any of these changes every episode and every view ever drawn."""
    key = random.key(0, "views", 3)
    items = torch.arange(4)
    assert key == 3670355290479833378
    assert random.key(-1, "views") == 5634138467927670503
    assert random.bits(key, items).tolist() == [2109860187, 898738252, 3910343835, 3576363581]
    assert random.uniform(key, items).tolist() == [
        0.49124008417129517,
        0.20925378799438477,
        0.9104478359222412,
        0.8326870203018188,
    ]
    assert random.below(key, items, 1000).tolist() == [491, 209, 910, 832]
    assert random.permute(key, items, 10).tolist() == [9, 7, 8, 3]
    assert random.permute(key, items, 60_000).tolist() == [47774, 18594, 30187, 54854]


@given(st.integers(0, 2**63 - 1), st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_equals_the_python_loop(key: int, items: list[int]) -> None:
    index = torch.tensor(items)
    random_words = [loop_word(key, item) for item in items]
    assert [int(w) % (1 << 64) for w in random.random_words(key, index)] == random_words
    assert random.bits(key, index).tolist() == [w >> 32 for w in random_words]
    assert random.uniform(key, index).tolist() == [(w >> 40) / 2**24 for w in random_words]
    for bound in (1, 7, 2**31 - 1):
        assert random.below(key, index, bound).tolist() == [w * bound >> 64 for w in random_words]


def test_keys_differ_by_seed_stream_and_counters() -> None:
    keys = {
        random.key(seed, stream, *counters)
        for seed in (-1, 0, 1, 2**70)
        for stream in ("a", "b", "ab", "")
        for counters in ((), (0,), (1,), (0, 0), (0, 1), (1, 0), (10,), (-1,))
    }
    assert len(keys) == 4 * 4 * 8
    assert all(0 <= key < 2**63 for key in keys)


def test_key_may_be_a_tensor_and_shape_is_kept() -> None:
    items = torch.arange(24).view(2, 3, 4)
    key = random.key(5, "x")
    for draw in (random.random_words, random.bits, random.uniform):
        assert draw(key, items).shape == items.shape
        assert torch.equal(draw(torch.tensor(key), items), draw(key, items))
    assert torch.equal(items, torch.arange(24).view(2, 3, 4)), "the items are not written to"


def test_no_global_generator_is_read_or_set() -> None:
    before = torch.get_rng_state()
    first = random.uniform(random.key(0, "x"), torch.arange(9))
    torch.manual_seed(99)
    assert torch.equal(first, random.uniform(random.key(0, "x"), torch.arange(9)))
    torch.set_rng_state(before)
    random.permute(3, torch.arange(5000), 5000)
    assert torch.equal(before, torch.get_rng_state())


def test_any_batch_split_gives_the_same() -> None:
    key, items = random.key(1, "split"), torch.arange(5000) * 7919
    for draw in (random.random_words, random.uniform):
        whole = draw(key, items)
        assert torch.equal(whole, torch.cat([draw(key, part) for part in items.split(617)]))
    index = torch.arange(5000)
    whole = random.permute(key, index, 5000)
    assert torch.equal(whole, torch.cat([random.permute(key, part, 5000) for part in index.split(617)]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_draws_the_same() -> None:
    key, items = random.key(1, "device"), torch.arange(100_000)
    for draw in (random.random_words, random.bits, random.uniform):
        assert torch.equal(draw(key, items), draw(key, items.cuda()).cpu())
    for size in (1000, 100_000):
        index = torch.arange(size)
        assert torch.equal(random.permute(key, index, size), random.permute(key, index.cuda(), size).cpu())


def chi_square(observed: torch.Tensor) -> float:
    """p-value of equal expected counts."""
    return float(stats.chisquare(observed.double().numpy()).pvalue)


@pytest.mark.parametrize("stride", [1, 2, 1024, 1 << 33])
def test_every_byte_is_uniform(stride: int) -> None:
    random_words = random.random_words(random.key(0, "bytes"), torch.arange(1 << 17) * stride)
    for shift in range(0, 64, 8):
        assert chi_square(torch.bincount((random_words >> shift) & 255, minlength=256)) > LEAST_P


def test_consecutive_pairs_are_uniform() -> None:
    u = random.uniform(random.key(0, "pairs"), torch.arange(1 << 18)).view(-1, 2)
    cell = (u * 32).long()
    assert chi_square(torch.bincount(cell[:, 0] * 32 + cell[:, 1], minlength=1024)) > LEAST_P


@pytest.mark.parametrize("bound", [2, 3, 5, 600, 1000])
def test_below_is_uniform(bound: int) -> None:
    draws = random.below(random.key(0, "below"), torch.arange(1 << 18), bound)
    assert int(draws.min()) >= 0
    assert int(draws.max()) < bound
    assert chi_square(torch.bincount(draws, minlength=bound)) > LEAST_P


def test_below_takes_a_bound_per_item() -> None:
    bound = torch.arange(1, 5001)
    draws = random.below(random.key(0, "below"), torch.arange(5000), bound)
    assert bool(((draws >= 0) & (draws < bound)).all())
    assert abs(float((draws / bound).mean()) - 0.5) < 0.02


@pytest.mark.parametrize("side", ["item", "key"])
def test_avalanche(side: str) -> None:
    """Each bit of the item, or of the key, flips each bit of the word half of the time."""
    items, key = torch.arange(4096) * 2654435761, random.key(0, "avalanche")
    random_words = random.random_words(key, items)
    for bit in range(48):
        flipped = (
            random.random_words(key ^ (1 << bit), items)
            if side == "key"
            else random.random_words(key, items ^ (1 << bit))
        )
        changed = random_words ^ flipped
        shares = torch.stack([((changed >> b) & 1).double().mean() for b in range(64)])
        assert abs(float(shares.mean()) - 0.5) < 0.005  # 262,144 bits: 5 standard deviations
        assert float((shares - 0.5).abs().max()) < 5.5 * 0.5 / math.sqrt(4096)


def test_streams_seeds_and_steps_are_not_correlated() -> None:
    items = torch.arange(20_000)
    keys = [random.key(seed, s, step) for seed in (0, 1) for s in ("views", "tasks") for step in range(10)]
    draws = torch.stack([random.uniform(key, items).double() for key in keys])
    correlation = torch.corrcoef(draws) - torch.eye(len(keys), dtype=torch.float64)
    assert float(correlation.abs().max()) < 5 / math.sqrt(20_000)
    for lag in (1, 2, 3, 64, 1000):
        pair = torch.stack([draws[:, :-lag].flatten(), draws[:, lag:].flatten()])
        assert abs(float(torch.corrcoef(pair)[0, 1])) < 5 / math.sqrt(pair.shape[1])


@given(st.integers(1, 6000), st.integers(0, 2**63 - 1))
@settings(max_examples=60, deadline=None)
def test_permute_is_a_bijection(size: int, key: int) -> None:
    assert torch.equal(random.permute(key, torch.arange(size), size).sort().values, torch.arange(size))


@pytest.mark.parametrize("size", [1, 2, 3, 1023, 1024, 1025, 1026, 2**16, 2**16 + 1, 99_991, 1_000_000, 316**2 + 1])
def test_permute_is_a_bijection_at_edges(size: int) -> None:
    assert torch.equal(random.permute(7, torch.arange(size), size).sort().values, torch.arange(size))


def test_permute_of_billions_stays_inside() -> None:
    size = 10**12 + 39
    index = torch.arange(1000) * 10**9
    image = random.permute(1, index, size)
    assert len(set(image.tolist())) == 1000
    assert bool(((image >= 0) & (image < size)).all())
    assert abs(float(image.double().mean()) / size - 0.5) < 0.05


@pytest.mark.parametrize("size", [3, 4, 5])
def test_every_permutation_of_a_few_is_as_likely(size: int) -> None:
    index, weights = torch.arange(size), size ** torch.arange(size)
    codes = [int((random.permute(random.key(s, "all"), index, size) * weights).sum()) for s in range(4000)]
    counts = torch.unique(torch.tensor(codes), return_counts=True)[1]
    assert len(counts) == math.factorial(size)
    assert chi_square(counts) > LEAST_P


@pytest.mark.parametrize("size", [1000, 1025, 4097, 60_000])
def test_permute_sends_pairs_anywhere(size: int) -> None:
    """Over keys, where two fixed neighbours go is uniform over a grid of cells (both sides of the Feistel limit)."""
    index = torch.tensor([0, 1, size - 1])
    images = torch.stack([random.permute(random.key(s, "pairs"), index, size) for s in range(2500)])
    cell = images * 8 // size
    for a, b in ((0, 1), (0, 2), (1, 2)):
        observed = torch.bincount(cell[:, a] * 8 + cell[:, b], minlength=64)
        assert chi_square(observed) > LEAST_P
    low = torch.bincount(images[:, 0] % 7, minlength=7)
    assert chi_square(low) > LEAST_P


@pytest.mark.parametrize("size", [5000, 60_000])
def test_permute_has_no_memory_of_distance(size: int) -> None:
    """One key: the steps between the images of neighbours are spread as those of a random order."""
    order = random.permute(random.key(0, "order"), torch.arange(size), size)
    step = (order.diff() % size) * 64 // size
    assert chi_square(torch.bincount(step, minlength=64)) > LEAST_P
    assert abs(float(torch.corrcoef(torch.stack([order[:-1].double(), order[1:].double()]))[0, 1])) < 5 / math.sqrt(
        size
    )
    fixed = int((order == torch.arange(size)).sum())
    assert fixed < 10  # Poisson with mean 1
