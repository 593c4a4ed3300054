"""k-reciprocal re-ranking: Jaccard distances between the neighborhoods of embeddings.

Zhong et al. 2017, "Re-ranking person re-identification with k-reciprocal encoding", arXiv:1701.08398; without the
original distance in the result (lambda = 0), as UFLST has it. Everything is sparse: two images without a common
neighbor have distance 1, which is not stored, so memory grows with M, not with its square.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy.sparse import csc_matrix, csr_matrix
from torch import Tensor

_CELLS = 1 << 22
"""Distances, or entries of a dense block of rows, at a time: 32 MiB in float64."""
_PAIRS = 1 << 22
"""Pairs of entries in one column of the encodings at a time, likewise."""


def jaccard_distances(rows: Tensor, k1: int = 20, k2: int = 6) -> csr_matrix:
    """Distances in [0, 1] between rows (M, D), float64 (M, M); pairs that are not stored have distance 1.

    k1: neighbors of the reciprocal neighborhoods. k2: neighbors, the image itself included, whose encodings are
    averaged. M must be above k1.

    The encoding of image i is `exp(-d(i, j)^2 / max_k d(i, k)^2)` for j in its expanded reciprocal neighborhood, then
    divided by its sum; the distance of two encodings v, w is `1 - sum min(v, w) / sum max(v, w)`.
    """
    near, farthest = nearest(rows, max(k1 + 1, k2))
    weights = _encoded(rows, farthest, expanded_neighborhoods(near, k1))
    averaged = _neighbor_matrix(near[:, :k2]) @ weights
    return _jaccard(csr_matrix(averaged) / min(k2, near.shape[1]))


def nearest(rows: Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` nearest rows of each of (M, D), itself first: int64 (M, count); and the farthest's squared distance.

    Of rows at the same distance the one with the lower index comes first.
    """
    rows = rows.detach().float()
    norms = rows.square().sum(1)
    places, farthest = [], []
    for block in torch.split(torch.arange(len(rows), device=rows.device), max(1, _CELLS // len(rows))):
        squared = (norms[block, None] + norms).sub_(rows[block] @ rows.T, alpha=2).clamp_(min=0)
        farthest.append(squared.amax(1))
        squared[torch.arange(len(block), device=rows.device), block] = -1.0
        chosen = squared.topk(count, largest=False)
        order = torch.argsort(chosen.indices, dim=1)
        by_index = chosen.values.gather(1, order).argsort(dim=1, stable=True)
        places.append(chosen.indices.gather(1, order).gather(1, by_index))
    return torch.cat(places).cpu().numpy(), torch.cat(farthest).double().cpu().numpy()


def expanded_neighborhoods(near: np.ndarray, k1: int) -> csr_matrix:
    """bool (M, M): the k1-reciprocal neighbors of each image, with the k1/2-reciprocal ones of those that agree.

    A neighbor's set is added where more than two thirds of it are in the image's own.
    """
    own = _reciprocal(near[:, : k1 + 1])
    half = _reciprocal(near[:, : round(k1 / 2) + 1])
    shared = csr_matrix((own @ half.T).multiply(own))
    sizes = np.asarray(half.sum(1)).ravel()
    agrees = csr_matrix((shared.data * 3 > 2 * sizes[shared.indices], shared.indices, shared.indptr), shape=own.shape)
    expanded = csr_matrix(own + agrees.astype(np.int64) @ half)
    expanded.data[:] = expanded.data > 0
    expanded.eliminate_zeros()
    expanded.sort_indices()
    return expanded


def _neighbor_matrix(near: np.ndarray) -> csr_matrix:
    """int64 (M, M) with a 1 for every neighbor in near (M, K)."""
    count, many = near.shape
    pointers = np.arange(0, count * many + 1, many)
    return csr_matrix((np.ones(near.size, np.int64), near.ravel(), pointers), shape=(count, count))


def _reciprocal(near: np.ndarray) -> csr_matrix:
    """int64 (M, M): 1 where each of two images is among the neighbors of the other."""
    forward = _neighbor_matrix(near)
    return csr_matrix(forward.multiply(forward.T))


def _encoded(rows: Tensor, farthest: np.ndarray, neighborhoods: csr_matrix) -> csr_matrix:
    """The encodings (M, M), float64."""
    points = rows.detach().double().cpu()
    of_row = np.repeat(np.arange(len(points)), np.diff(neighborhoods.indptr))
    squared = np.empty(len(of_row))
    step = max(1, _CELLS // points.shape[1])
    for start in range(0, len(of_row), step):
        at = slice(start, start + step)
        difference = points[torch.from_numpy(of_row[at])] - points[torch.from_numpy(neighborhoods.indices[at]).long()]
        squared[at] = difference.square().sum(1).numpy()
    weights = np.exp(-squared / np.maximum(farthest, np.finfo(np.float64).tiny)[of_row])
    sums = np.bincount(of_row, weights, minlength=len(points))
    return csr_matrix((weights / sums[of_row], neighborhoods.indices, neighborhoods.indptr), shape=neighborhoods.shape)


def _jaccard(encodings: csr_matrix) -> csr_matrix:
    """Jaccard distances of encodings (M, M) whose rows sum to 1."""
    encodings.sort_indices()
    columns = encodings.tocsc()
    found, indices, lengths = [], [], [0]
    for start, end in _blocks(encodings, columns):
        at = slice(encodings.indptr[start], encodings.indptr[end])
        of_row = np.repeat(np.arange(end - start), np.diff(encodings.indptr[start : end + 1]))
        shared = _minima(columns, encodings.indices[at], encodings.data[at], of_row, end - start)
        some = shared > 0
        cells = np.flatnonzero(some)
        overlap = shared.ravel()[cells]
        indices.append((cells % shared.shape[1]).astype(np.int32))
        found.append(np.maximum(1 - overlap / (2 - overlap), 0))
        lengths.extend(some.sum(1))
    pointers = np.cumsum(lengths)
    return csr_matrix((np.concatenate(found), np.concatenate(indices), pointers), shape=encodings.shape)


def _blocks(encodings: csr_matrix, columns: csc_matrix) -> Iterator[tuple[int, int]]:
    """Ranges of rows of at most `_CELLS` cells, and of `_PAIRS` pairs of entries in one column unless it is one row.

    An image that is near many others (a hub) has a full column, so that rows differ much in their pairs.
    """
    count = encodings.shape[0]
    pairs = np.concatenate([[0], np.cumsum(np.diff(columns.indptr)[encodings.indices])])[encodings.indptr]
    start = 0
    while start < count:
        fitting = int(np.searchsorted(pairs, pairs[start] + _PAIRS, side="right")) - 1
        end = min(max(start + 1, fitting), start + max(1, _CELLS // count), count)
        yield start, end
        start = end


def _minima(columns: csc_matrix, index: np.ndarray, values: np.ndarray, of_row: np.ndarray, rows: int) -> np.ndarray:
    """`sum_l min(v_il, v_jl)` for a block of rows i and all images j: float64 (rows, M).

    columns: the encodings. index, values, of_row: column, value and row in the block of every entry of these rows.
    """
    count = columns.shape[0]
    starts = columns.indptr[index]
    many = columns.indptr[index + 1] - starts
    ends = np.cumsum(many)
    places = np.arange(ends[-1]) - np.repeat(ends - many, many) + np.repeat(starts, many)
    minima = np.minimum(np.repeat(values, many), columns.data[places])
    keys = np.repeat(of_row, many).astype(np.int64) * count + columns.indices[places]
    return np.bincount(keys, minima, minlength=rows * count).reshape(rows, count)
