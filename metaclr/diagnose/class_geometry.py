"""Where classes lie on the unit sphere: their spread, the simplex of their means, and neural collapse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from metaclr.diagnose.rows import check_labels, unit_chunks
from metaclr.errors import UserError


@dataclass(frozen=True)
class ClassGeometry:
    """Measures of C classes in D dimensions; all but `classes` and `is_attainable` are 0 at complete collapse.

    A regular simplex of C points needs C - 1 dimensions: where `is_attainable` is false, its measures cannot all be 0.
    """

    classes: int
    is_attainable: bool
    within: float
    """Share of the variance that lies within classes, tr S_w / tr S_t: 0 for one point a class, near 1 for random
    labels."""
    simplex_distance: float
    """Mean over pairs of classes of |cos(m, m') + 1/(C-1)|, m the class means around the mean of all: at the regular
    simplex supervised contrastive loss and cross-entropy are smallest (Graf et al. 2021, arXiv:2102.08817)."""
    nc1: float
    """tr(S_w S_b^+) / C, variability collapse (Papyan et al. 2020, arXiv:2008.08186, NC1)."""
    nc2_norms: float
    """Coefficient of variation of the norms of centered class means (NC2, equinorm)."""
    nc2_angles: float
    """Standard deviation of the cosines between centered class means (NC2, equiangular)."""


def class_geometry(features: Tensor, labels: Tensor) -> ClassGeometry:
    """The geometry of the classes of unit-norm features (M, D), labels int64 (M,), ids with gaps allowed.

    Classes weigh alike in the means and in S_b = sum_c (m_c - m)(m_c - m)^T / C, rows alike in S_w. Rows pass by in
    chunks: memory is O(C D + D^2).

    Raises:
        UserError: other shapes, or fewer than two classes.
    """
    check_labels("class geometry", features, labels)
    ids, dense = torch.unique(labels.to(features.device), return_inverse=True)
    classes, dim = len(ids), features.shape[1]
    if classes < 2:
        raise UserError(f"class geometry needs 2 classes or more, not {classes}")
    means = torch.zeros(classes, dim, dtype=torch.float64, device=features.device)
    for start, unit in _with_start(features):
        means.index_add_(0, dense[start : start + len(unit)], unit)
    means /= torch.bincount(dense, minlength=classes).unsqueeze(1)
    within = torch.zeros(dim, dim, dtype=torch.float64, device=features.device)
    total_mean = sum(unit.sum(0) for unit in unit_chunks(features)) / len(features)
    total = 0.0
    for start, unit in _with_start(features):
        spread = unit - means[dense[start : start + len(unit)]]
        within += spread.mT @ spread / len(features)
        total += float((unit - total_mean).square().sum()) / len(features)
    centered = means - means.mean(0)
    between = centered.mT @ centered / classes
    norms = centered.norm(dim=1)
    cosines = _cosines(centered)
    return ClassGeometry(
        classes=classes,
        is_attainable=classes - 1 <= dim,
        within=float(within.trace()) / total if total > 0 else 0.0,
        simplex_distance=float((cosines + 1 / (classes - 1)).abs().mean()),
        nc1=float((within * torch.linalg.pinv(between, hermitian=True)).sum()) / classes,
        nc2_norms=float(norms.std(correction=0) / norms.mean()) if float(norms.mean()) > 0 else 0.0,
        nc2_angles=float(cosines.std(correction=0)),
    )


def _with_start(features: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Unit rows in chunks, each with the index of its first row."""
    start = 0
    for unit in unit_chunks(features):
        yield start, unit
        start += len(unit)


def _cosines(centered: Tensor) -> Tensor:
    """Cosines of the C (C - 1) / 2 pairs of rows; 0 with a row of zeros."""
    unit = torch.nn.functional.normalize(centered, dim=1)
    pairs = torch.triu_indices(len(unit), len(unit), offset=1, device=unit.device)
    return torch.cat([(unit[a] * unit[b]).sum(1) for a, b in torch.split(pairs, 65536, dim=1)])
