"""Counter-based random numbers: each is a pure function of (key, item), in wrap-around int64 arithmetic.

The generator is SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"): a
Weyl sequence through Stafford's 64-bit mixer "variant 13". Integers wrap around alike on CPU and GPU, so a draw
does not depend on device, batch split, number of ranks or history.

A `key` is a Python int, or an int64 tensor of one element where a compiled step must not see a constant.
"""

from __future__ import annotations

from hashlib import blake2b
from math import isqrt

import torch
from torch import Tensor


def _signed(word: int) -> int:
    """The int64 that has the bits of the unsigned 64-bit `word`."""
    return word - (1 << 64) if word >> 63 else word


_WEYL = _signed(0x9E3779B97F4A7C15)
_MIX1 = _signed(0xBF58476D1CE4E5B9)
_MIX2 = _signed(0x94D049BB133111EB)
_LOW32 = (1 << 32) - 1
_EXACT_SIZE = 1024  # up to this size a permutation is a sort of random words; above, a Feistel network
_FEISTEL_ROUNDS = 8
_ROUND = 1 << 40  # keeps the items of one Feistel round apart from those of another


def key(seed: int, stream: str, *counters: int) -> int:
    """A 63-bit key for the draws of one `stream` ("views", "classes", ...) at some counters (step, epoch).

    Any integers are legal, negative ones too. The same on every machine and Python version (BLAKE2b).
    """
    text = "\x1f".join([str(int(seed)), stream, *(str(int(counter)) for counter in counters)])
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def random_words(key: int | Tensor, items: Tensor) -> Tensor:
    """64 random bits for each int64 item, as int64 of either sign. Same shape and device as `items`."""
    z = items * _WEYL
    z += key
    # `>>` on int64 is arithmetic; the masks make it a logical shift.
    z ^= (z >> 30) & ((1 << 34) - 1)
    z *= _MIX1
    z ^= (z >> 27) & ((1 << 37) - 1)
    z *= _MIX2
    z ^= (z >> 31) & ((1 << 33) - 1)
    return z


def bits(key: int | Tensor, items: Tensor) -> Tensor:
    """32 random bits for each int64 item: int64 in [0, 2**32)."""
    return (random_words(key, items) >> 32) & _LOW32


def uniform(key: int | Tensor, items: Tensor) -> Tensor:
    """Uniform float32 in [0, 1), a multiple of 2**-24, for each int64 item."""
    return ((random_words(key, items) >> 40) & ((1 << 24) - 1)).to(torch.float32) * 2.0**-24


def below(key: int | Tensor, items: Tensor, bound: Tensor | int) -> Tensor:
    """Uniform int64 in [0, bound) for each int64 item; `bound` in [1, 2**31), an int or broadcast.

    The high half of a 64 x 32 bit product (Lemire 2019, arXiv:1805.10941): no value is more likely than
    another by more than bound / 2**64.
    """
    z = random_words(key, items)
    high, low = (z >> 32) & _LOW32, z & _LOW32
    return (high * bound + ((low * bound) >> 32)) >> 32


def permute(key: int | Tensor, index: Tensor, size: int) -> Tensor:
    """The images of each int64 `index` under a keyed random permutation of [0, size); O(len(index)) time and memory.

    Up to 1,024 items the permutation is the rank order of their random words, exactly uniform. Above, it is
    a Feistel network over a grid of rows x columns just larger than `size` (Black and Rogaway 2002, "Ciphers
    with arbitrary finite domains"), applied again until the result is below `size`; that reads the result, so draw
    on the CPU where a host synchronization would hurt. Every index must be in [0, size); size < 2**62.
    """
    if size <= _EXACT_SIZE:
        return torch.argsort(random_words(key, torch.arange(size, device=index.device)))[index]
    rows = isqrt(size - 1) + 1
    columns = -(-size // rows)
    place = _feistel(key, index, rows, columns)
    while bool((outside := place >= size).any()):
        place[outside] = _feistel(key, place[outside], rows, columns)
    return place


def _feistel(key: int | Tensor, index: Tensor, rows: int, columns: int) -> Tensor:
    """One pass of the network: a bijection of [0, rows * columns)."""
    row, column = index // columns, index % columns
    for turn in range(0, _FEISTEL_ROUNDS, 2):
        row = (row + bits(key, column + turn * _ROUND)) % rows
        column = (column + bits(key, row + (turn + 1) * _ROUND)) % columns
    return row * columns + column
