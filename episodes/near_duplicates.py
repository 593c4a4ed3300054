"""Near copies of an image: saved again, resized, mirrored; found by a perceptual hash and confirmed by pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from episodes.image_set import ImageSet
from episodes.stored_images import blocks

MIN_SIDE = 16
"""Pixels; smaller images have too few frequencies to tell a copy from a similar image, and are not hashed."""

_SIDE = 32  # of the images that are hashed and compared
_KEPT = 8  # frequencies in either direction
_CHUNKS = (11, 11, 11, 11, 10, 10)  # bits
MAX_BITS = len(_CHUNKS) - 1
"""Hashes of near copies differ in at most so many of 64 bits: then one of the six chunks is equal."""

ALL_PAIRS = 200_000_000
"""Compared in about a second on two cores. A hash alone misses one copy in eight of flat drawings, whose frequencies
are near the median; of photographs, one in a hundred or none."""

MAX_DIFFERENCE = {1: 0.14, 3: 0.16}
"""By channels: root mean square of the difference of near copies, as a share of the image's standard deviation.

Of copies at JPEG quality 75, or of three quarters of the size, 90 % and more stay below (CIFAR-10, Tiny ImageNet);
of different images none of 16,230 in Omniglot, 5,000 in MNIST and 6,524 glyphs, and 10,000 in CIFAR-10.
"""

_FLAT = 500.0  # the largest frequency of an image without content: that of 2 gray levels, up and down
_SCREEN = 0.5  # of the content that the lowest frequencies hold: wider than any MAX_DIFFERENCE
_PAIRS = 1 << 22  # compared at a time
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601

_AMBIGUOUS = 0.1  # of the largest frequency; a mirror image is tried, too, where those that tell it are smaller
_ORDER = sorted(range(_KEPT * _KEPT), key=lambda bit: bit % len(_CHUNKS))  # low and high frequencies in each chunk

_hashes: WeakKeyDictionary[ImageSet, _Hashes] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class NearCopies:
    """Pairs of a target's image and the source's image that it is a near copy of: int64 (P,) each, by target."""

    target: Tensor
    source: Tensor


@dataclass(frozen=True, eq=False)
class _Hashes:
    """Hashes (M,) of images turned to a fixed side: `turn` 1 is mirrored left to right, 2 upside down, 3 both.

    low: their lowest frequencies (M, 64), of that side. others: image, turn, frequencies and hash of (R) other sides,
    of images where it is not clear. Hash 0: no content.
    """

    low: Tensor
    hash: NDArray[np.uint64]
    turn: NDArray[np.int64]
    others: tuple[NDArray[np.int64], NDArray[np.int64], Tensor, NDArray[np.uint64]]


def hash_bits(gray: Tensor) -> Tensor:
    """pHash of gray images (B, 32, 32): bool (B, 64), the signs of the lowest 8 x 8 frequencies against their median.

    As `imagehash.phash` of ImageHash computes it for one image at a time (tests/parity holds both equal); here for a
    block of images by two matrix products. Source: N. Krawetz, "Looks like it", 2011.
    """
    return _bits_of(_frequencies(gray))


def near_copies(source: ImageSet, target: ImageSet) -> NearCopies:
    """The target's images that are near copies of one of the source's.

    Both sets have images of one size. Sets of images smaller than 16 pixels have none. Up to `ALL_PAIRS` pairs are
    all compared by the frequencies that a perceptual hash is made of; of more, those whose hashes are close.
    """
    none = torch.empty(0, dtype=torch.int64)
    if min(*source.size, *target.size) < MIN_SIDE:
        return NearCopies(none, none)
    ours, theirs = _hashes_of(source), _hashes_of(target)
    place, turn, low, hashes = theirs.others
    place = np.concatenate([np.arange(len(target)), place])
    turn = np.concatenate([theirs.turn, turn])
    hashes = np.concatenate([theirs.hash, hashes])
    if len(source) * len(hashes) <= ALL_PAIRS:
        asked, mates = _nearest(ours, torch.cat([theirs.low, low]), hashes)
    else:
        asked, mates = _close(ours.hash, hashes)
    rows = np.stack([place[asked], mates, turn[asked] ^ ours.turn[mates]], 1)
    blocks_of = [rows[start : start + 1024] for start in range(0, len(rows), 1024)]
    kept = [some[_alike(source, target, some)] for some in blocks_of]
    if not sum(map(len, kept)):
        return NearCopies(none, none)
    found = np.concatenate(kept)
    first = np.unique(found[:, 0], return_index=True)[1]
    return NearCopies(torch.from_numpy(found[first, 0].copy()), torch.from_numpy(found[first, 1].copy()))


def _hashes_of(image_set: ImageSet) -> _Hashes:
    """Computed once per set."""
    known = _hashes.get(image_set)
    if known is None:
        known = _hashes[image_set] = _hash(image_set)
    return known


def _hash(image_set: ImageSet) -> _Hashes:
    gray = (_gray(_small(image_set.images[rows])) for rows in blocks(image_set.images, 1 << 24))
    low = torch.cat([_frequencies(one.round()) for one in gray])
    # The first odd frequency tells which way an image is turned.
    across, down = low[:, 0, 1], low[:, 1, 0]
    turn = (across < 0).long() + 2 * (down < 0).long()
    scale = low.flatten(1)[:, 1:].abs().amax(1)
    content = scale >= _FLAT
    unclear = [across.abs() < _AMBIGUOUS * scale, down.abs() < _AMBIGUOUS * scale]
    places, turns = [], []
    for change, which in ((1, unclear[0]), (2, unclear[1]), (3, unclear[0] & unclear[1])):
        some = (which & content).nonzero().flatten()
        places.append(some)
        turns.append(turn[some] ^ change)
    place, other = torch.cat(places), torch.cat(turns)
    fixed, others = _turned(low, turn), _turned(low[place], other)
    hashes = _packed(fixed)
    hashes[~content.numpy()] = 0
    return _Hashes(
        fixed.flatten(1), hashes, turn.numpy(), (place.numpy(), other.numpy(), others.flatten(1), _packed(others))
    )


def _turned(low: Tensor, turn: Tensor) -> Tensor:
    """Frequencies (B, 8, 8) of images turned: mirroring changes the sign of every odd one of that direction."""
    sign = 1.0 - 2.0 * (torch.arange(_KEPT) % 2)
    across = torch.where((turn % 2 == 1)[:, None, None], sign, torch.ones(()))
    down = torch.where((turn >= 2)[:, None, None], sign[:, None], torch.ones(()))
    return low * across * down


def _packed(low: Tensor) -> NDArray[np.uint64]:
    """Hashes (B,) of frequencies (B, 8, 8)."""
    bits = _bits_of(low)[:, _ORDER]
    if not len(bits):
        return np.zeros(0, np.uint64)
    packed: NDArray[np.uint64] = np.packbits(bits.numpy(), axis=1).view(np.uint64)[:, 0].copy()
    return packed


def _frequencies(gray: Tensor) -> Tensor:
    """The lowest frequencies (B, 8, 8) of a DCT-II of gray images (B, 32, 32)."""
    steps = torch.arange(_SIDE, dtype=torch.float64) + 0.5
    cosine = torch.cos(math.pi / _SIDE * torch.arange(_KEPT, dtype=torch.float64)[:, None] * steps).float()
    return cosine @ gray @ cosine.T


def _bits_of(low: Tensor) -> Tensor:
    flat = low.flatten(1)
    middle = flat.sort(1).values[:, 31:33].mean(1, keepdim=True)  # the median of 64 is the mean of the middle two
    return flat > middle


def _small(images: Tensor) -> Tensor:
    """(B, C, 32, 32) float32, antialiased."""
    x = images.cpu().float()
    if x.shape[-2:] == (_SIDE, _SIDE):
        return x
    return F.interpolate(x, (_SIDE, _SIDE), mode="bilinear", antialias=True, align_corners=False)


def _compared(images: Tensor) -> Tensor:
    return F.avg_pool2d(_small(images), 2)


def _gray(x: Tensor) -> Tensor:
    if x.shape[1] == 1:
        return x[:, 0]
    return (x * torch.tensor(_LUMA).view(1, 3, 1, 1)).sum(1)


def _nearest(ours: _Hashes, theirs: Tensor, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each row (R, 64) with content the nearest of ours (M, 64), where their frequencies may be those of a copy."""
    kept = torch.from_numpy(np.flatnonzero(ours.hash))
    asked = torch.from_numpy(np.flatnonzero(hashes))
    if not len(kept) or not len(asked):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    known = ours.low[kept]
    lengths = known.square().sum(1)
    some = torch.split(asked, max(1, _PAIRS // len(known)))
    mate = torch.cat([torch.addmm(lengths, theirs[rows], known.T, alpha=-2).min(1).indices for rows in some])
    apart = (theirs[asked] - known[mate]).square().sum(1)
    content = known[mate].square().sum(1) - known[mate, 0].square()
    near = apart <= _SCREEN**2 * content
    return asked[near].numpy(), kept[mate[near]].numpy()


def _close(ours: NDArray[np.uint64], theirs: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (of theirs, of ours) whose hashes differ in at most MAX_BITS bits; of equal hashes of ours the first."""
    values, place = np.unique(ours, return_index=True)
    place, values = place[values != 0], values[values != 0]
    asked = np.flatnonzero(theirs)
    best = np.full(len(theirs), 65, dtype=np.int64)
    mate = np.zeros(len(theirs), dtype=np.int64)
    shift = 0
    for width in _CHUNKS if len(values) else ():
        mask = np.uint64((1 << width) - 1)
        keys = (values >> np.uint64(shift)) & mask
        order = np.argsort(keys, kind="stable")
        wanted = (theirs[asked] >> np.uint64(shift)) & mask
        first = np.searchsorted(keys[order], wanted, "left")
        count = np.searchsorted(keys[order], wanted, "right") - first
        ends = np.cumsum(count)
        start = 0
        while start < len(asked):
            done = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, done + _PAIRS, "right")))
            some = count[start:stop]
            row = np.repeat(np.arange(start, stop), some)
            inside = np.arange(len(row)) - np.repeat(np.cumsum(some) - some, some)
            ids = order[np.repeat(first[start:stop], some) + inside]
            apart = _bits(theirs[asked[row]] ^ values[ids])
            near = np.flatnonzero(apart <= MAX_BITS)
            near = near[np.argsort(-apart[near], kind="stable")]  # the nearest is written last
            near = near[apart[near] < best[asked[row[near]]]]
            best[asked[row[near]]], mate[asked[row[near]]] = apart[near], place[ids[near]]
            start = stop
        shift += width
    found = np.flatnonzero(best <= MAX_BITS)
    return found, mate[found]


_COUNTS = np.array([bin(i).count("1") for i in range(1 << 16)], dtype=np.uint8)


def _bits(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How many bits are set in each word."""
    counts: NDArray[np.int64] = _COUNTS[words.view(np.uint16).reshape(-1, 4)].sum(1, dtype=np.int64)
    return counts


def _alike(source: ImageSet, target: ImageSet, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(P,): whether the pixels of pairs (target, source, turn) agree, at 16 x 16, where JPEG leaves few traces."""
    theirs = _compared(target.images[torch.from_numpy(rows[:, 0].copy())])
    ours = _compared(source.images[torch.from_numpy(rows[:, 1].copy())])
    turn = torch.from_numpy(rows[:, 2].copy()).view(-1, 1, 1, 1)
    theirs = torch.where(turn % 2 == 1, theirs.flip(3), theirs)
    theirs = torch.where(turn >= 2, theirs.flip(2), theirs)
    if theirs.shape[1] != ours.shape[1]:
        theirs, ours = _gray(theirs)[:, None], _gray(ours)[:, None]
    apart = (theirs - ours).flatten(1).square().mean(1).sqrt()
    alike: NDArray[np.bool_] = (apart <= MAX_DIFFERENCE[ours.shape[1]] * ours.flatten(1).std(1)).numpy()
    return alike
