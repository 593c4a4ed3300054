"""How strongly a loss pushes negatives away, by their similarity: its hardness-awareness, measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.diagnose.rows import check_views

JITTER = 1e-3
"""Share of the identity in the Gram matrix, which gives it full rank; cosines shrink by this share."""


@dataclass(frozen=True)
class Penalty:
    """Pairs of an anchor and a negative: cosine, measured relative penalty and its Boltzmann form, (n,) each.

    Relative penalties are multiplied by the number of negatives: 1 is the mean, and a loss that treats all negatives
    alike has 1 everywhere.
    """

    cosine: Tensor
    measured: Tensor
    boltzmann: Tensor


def relative_penalty(loss: Callable[[Tensor], Tensor], views: Tensor, temperature: float) -> Penalty:
    r"""The gradient of a loss with respect to the similarity of every negative pair, relative to the anchor's sum.

    Wang and Liu (2021, arXiv:2012.09740, section 3.1) show that InfoNCE's is r_i(s_ij) = e^{s_ij/tau} / sum_k
    e^{s_ik/tau} over the negatives k, a Boltzmann distribution. Here it is measured for any loss that depends on unit
    rows z_i through their inner products alone: with G their Gram matrix (a `JITTER` of identity added) and L L^T = G,
    the rows of L have the same inner products and are linearly independent, so dLoss/dz_i = sum_j S_ij z_j + c_i z_i
    has one solution S, off the diagonal: S_ij = dLoss/ds_ij, of the roles i and j both ways. The Boltzmann form is
    summed both ways too.

    Args:
        loss: embeddings (1, N, V, R) to a scalar, R = N V.
        views: (N, V, D), V views of N images, which are negatives of one another.

    Raises:
        UserError: another shape.
    """
    check_views("the penalty of negatives", views, 2)
    count, per_image = views.shape[:2]
    unit = F.normalize(views.detach().double().cpu().flatten(0, 1), dim=1)
    identity = torch.eye(len(unit), dtype=torch.float64)
    gram = (1 - JITTER) * (unit @ unit.T) + JITTER * identity
    rows = torch.linalg.cholesky(gram)
    leaf = rows.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf.view(1, count, per_image, -1)), leaf)
    pushed = torch.linalg.solve_triangular(rows, gradient, upper=False, left=False)
    shares = (gram / temperature).masked_fill(identity.bool(), -torch.inf).softmax(1)
    image = torch.arange(count).repeat_interleave(per_image)
    negative = image.unsqueeze(1) != image
    measured, boltzmann = (_relative(matrix, negative) for matrix in (pushed, shares + shares.T))
    return Penalty(gram[negative] / (1 - JITTER), measured[negative], boltzmann[negative])


def _relative(matrix: Tensor, negative: Tensor) -> Tensor:
    """Entries over their row's mean over negatives."""
    kept = matrix.where(negative, torch.zeros_like(matrix))
    total = kept.sum(1, keepdim=True)
    return kept * negative.sum(1, keepdim=True) / total.where(total != 0, torch.ones_like(total))
