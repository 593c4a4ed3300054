"""LiDAR: the effective rank of the directions in which images differ by more than their views do."""

from __future__ import annotations

import torch
from torch import Tensor

from metaclr.diagnose.rows import check_views, chunks
from metaclr.diagnose.spectrum import entropy_rank


def lidar(views: Tensor, *, delta: float = 1e-4) -> float:
    r"""Effective rank of the linear discriminant matrix of images, each a class of its own views.

    With mu_i the mean of the views of image i, S_b = sum_i (mu_i - mu)(mu_i - mu)^T / (B - 1) and S_w the covariance
    of views around their own mean plus delta I, it is exp of the entropy of the eigenvalues, scaled to sum 1, of
    S_w^{-1/2} S_b S_w^{-1/2} (Thilak et al. 2024, "LiDAR: sensing linear probing performance in joint embedding SSL
    architectures", arXiv:2312.04000, who take 1,000 images of 50 views).

    Embeddings are first scaled to a mean square of 1 per dimension, so that delta means the same for every encoder;
    the paper takes them as they come.

    views: (B, V, D), B and V of 2 or more. From 1 to min(B - 1, D); 0 where all images are one point. Raises UserError
    for another shape.
    """
    check_views("LiDAR", views, 2)
    count, per_image, dim = views.shape
    size = max(4096 // per_image, 1)
    scale = sum(float(part.square().sum()) for part in chunks(views, size)) / views.numel()
    if not scale > 0:
        return 0.0
    means = torch.cat([part.mean(1) for part in chunks(views, size)]) / scale**0.5
    within = delta * torch.eye(dim, dtype=torch.float64, device=views.device)
    for start, part in enumerate(chunks(views, size)):
        spread = (part / scale**0.5 - means[start * size : start * size + len(part)].unsqueeze(1)).flatten(0, 1)
        within += spread.mT @ spread / (count * (per_image - 1))
    centered = means - means.mean(0)
    between = centered.mT @ centered / (count - 1)
    # With S_w = L L^T, L^{-1} S_b L^{-T} has the same eigenvalues as S_w^{-1/2} S_b S_w^{-1/2}.
    lower = torch.linalg.cholesky(within)
    half = torch.linalg.solve_triangular(lower, between, upper=False)
    values = torch.linalg.eigvalsh(torch.linalg.solve_triangular(lower, half.mT, upper=False))
    return entropy_rank(values[values > 1e-10 * values.abs().max()])
