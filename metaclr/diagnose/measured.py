"""Everything that tables and figures show of one embedding of one data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from metaclr.diagnose.neighbors import MAX_ROWS, nearest_neighbors
from metaclr.diagnose.penalty import Penalty
from metaclr.diagnose.rows import sample_rows
from metaclr.diagnose.similarity import Similarities, similarities
from metaclr.diagnose.spectrum import singular_values
from metaclr.diagnose.summary import diagnose


@dataclass(frozen=True)
class Measured:
    """One embedding: an encoder, and the layer of it.

    label: names it in tables. group: what it is one of several seeds of; decides its color. temperature: of the loss
    that `penalty` was measured of.
    """

    label: str
    group: str
    layer: str
    numbers: Mapping[str, float]
    variances: Tensor = field(repr=False)
    """(min(M, D),) of unit-norm, centered rows along their principal directions, largest first."""
    similarities: Similarities | None = field(repr=False)
    shown: Tensor = field(repr=False)
    """(P, D) float32: rows of the images that maps show."""
    neighbors: Tensor | None = field(repr=False)
    """(Q, K) indices of images that are nearest to those of the sheet."""
    penalty: Penalty | None = field(default=None, repr=False)
    temperature: float | None = None


@dataclass(frozen=True)
class Pictured:
    """The same images in the pictures of every encoder: indices into the data set. shown: of maps; asked: of sheets."""

    shown: Tensor
    asked: Tensor
    candidates: Tensor
    """Among which neighbors are looked for."""


def choose_pictured(
    labels: Tensor | None, count: int, *, classes: int = 10, per_class: int = 40, queries: int = 6, seed: int = 0
) -> Pictured:
    """Images of up to `classes` classes, evenly spaced among those with the most images, and queries for a sheet.

    count: M, number of images.
    """
    candidates = sample_rows(count, MAX_ROWS, seed)
    if labels is None:
        shown = sample_rows(count, classes * per_class, seed)
    else:
        ids, sizes = torch.unique(labels, return_counts=True)
        large = ids[sizes >= min(per_class, int(sizes.median()))]
        kept = large[torch.arange(min(classes, len(large))) * len(large) // min(classes, len(large))]
        parts = []
        for one in kept.tolist():
            rows = (labels == one).nonzero().flatten()
            parts.append(rows[sample_rows(len(rows), per_class, seed)])
        shown = torch.cat(parts)
    at = torch.arange(min(queries, len(candidates)))
    return Pictured(shown, candidates[at * len(candidates) // max(len(at), 1)], candidates)


def measure(
    label: str,
    group: str,
    layer: str,
    features: Tensor,
    labels: Tensor | None,
    views: Tensor | None,
    view_labels: Tensor | None,
    pictured: Pictured,
    *,
    neighbors: int = 8,
    penalty: Penalty | None = None,
    temperature: float | None = None,
) -> Measured:
    """Measure one layer of one encoder.

    features: (M, D). labels: (M,). views: (B, V, D) of B images with classes view_labels (B,).
    """
    numbers = diagnose(features, labels, views, view_labels)
    variances = singular_values(features, centered=True, unit=True).square() / max(len(features) - 1, 1)
    return Measured(
        label,
        group,
        layer,
        numbers,
        variances,
        None if views is None else similarities(views, view_labels),
        features[pictured.shown.to(features.device)].float().cpu(),
        _neighbors(features, pictured, neighbors),
        penalty,
        temperature,
    )


def _neighbors(features: Tensor, pictured: Pictured, k: int) -> Tensor | None:
    """The k nearest images of each query among the candidates."""
    candidates = pictured.candidates
    if len(candidates) <= k:
        return None
    rows = features[candidates.to(features.device)].cpu()
    place = {int(image): row for row, image in enumerate(candidates)}
    asked = torch.tensor([place[int(image)] for image in pictured.asked])
    return candidates[nearest_neighbors(rows, k, asked)]
