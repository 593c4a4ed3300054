"""Distinct random values, many rows at once: the draw without replacement of every labelled task."""

from __future__ import annotations

import torch
from torch import Tensor

from episodes import random

_LOW32 = (1 << 32) - 1


def sample_without_replacement(key: int, rows: Tensor, size: Tensor | int, count: int) -> Tensor:
    """For each row an ordered draw of `count` distinct values of [0, size), uniform among all such draws.

    rows (B,) int64: the items of the counter-based generator, so that the draw of a row does not depend on the
    other rows. size: int64 (B,) or one int, count <= size < 2**31. Returns int32 (count, B),
    draws along the first axis because every operation runs along the rows.

    A Fisher-Yates shuffle of which only the first `count` swaps happen, and no array is stored (the swaps are
    resolved backwards): O(count**2) operations a row, whatever the size. A value's probability is off by at
    most size / 2**32 of itself, as each swap uses 32 random bits.
    """
    pairs = -(-count // 2)  # one 64-bit word serves two draws
    index = torch.arange(count, device=rows.device).unsqueeze(1)
    word = random.random_words(key, rows * pairs + index[:pairs])
    swap = torch.cat([word >> 32, word])[:count]
    swap &= _LOW32
    swap *= size - index  # Lemire's multiply-and-shift into [0, size - i), then onto the places i..size-1
    swap >>= 32
    swap += index
    swap = swap.to(torch.int32)

    # Draw i is the value at place swap[i], to which an earlier swap j with swap[j] == swap[i] has moved the value of
    # place j. The loop over j = i-1 .. 0 finds it; int32 compare-and-add is torch's fastest form of it.
    place, back = swap.clone(), index.to(torch.int32) - swap
    hit = torch.empty_like(place)
    for j in range(count - 2, -1, -1):
        later = place[j + 1 :]
        torch.eq(later, swap[j], out=hit[j + 1 :])
        later.addcmul_(hit[j + 1 :], back[j])
    return place
