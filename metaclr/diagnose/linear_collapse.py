r"""The two mechanisms of dimensional collapse in linear networks, derived and exact in the limit of large batches.

Jing et al. 2022 (DirectCLR, arXiv:2110.09348) explain collapsed dimensions by strong augmentation in one linear layer
and by implicit regularization in two. Derived again here, for the contrastive loss on distances

    L = mean_i [ |z_i - z'_i|^2 / 2 + log sum_j exp(-|z_i - z'_j|^2 / 2) ],    z = W x,  z' = W x'.

**The contrastive covariance.** With u_ij = x_i - x'_j and p_ij the softmax over j of -|W u_ij|^2 / 2, and since the
gradient of |W u|^2 / 2 is W u u^T, gradient descent moves W by dW/dt = W X with

    X = mean_i [ sum_j p_ij u_ij u_ij^T - u_ii u_ii^T ],

the covariance of negatives, weighted by how near they are, minus that of positives. A direction e grows while e^T X e
is above 0 and shrinks while it is below. Two layers, z = W2 W1 x: dW1/dt = W2^T W2 W1 X, dW2/dt = W2 W1 X W1^T.

**Gaussian data.** Let x have variance s and both views independent noise of variance n in each direction, v = s + n,
and W be diagonal with weight w. With many negatives, weighting x'_j ~ N(0, v) by exp(-w^2 (x_i - x'_j)^2 / 2) gives a
Gaussian with mean x_i w^2 v / (1 + w^2 v) and variance v / (1 + w^2 v), so that

    X(w) = v (2 + w^2 v) / (1 + w^2 v)^2 - 2 n.                                                                    (1)

The directions decouple. X falls from 2 s at w = 0 to -2 n, so w grows or shrinks to the one point where X = 0: with
y = 1 + w^2 v, 2 n y^2 - v y - v = 0, hence

    w*^2 = (y - 1) / v,    y = (v + sqrt(v^2 + 8 n v)) / (4 n).                                                     (2)

**Strong augmentation.** The condition for shrinking is X(w) < 0, which at w = 1 and s = 1 is n > sqrt(2) - 1. But X
depends on W, and at w = 0 it is 2 s > 0 whatever the noise: a direction does not vanish, as it would under a constant
X, but rests at w*^2 -> 2 s / (3 n^2), where its embedding has the variance 2 s / (3 n): a power of s / n.

**Two layers.** For aligned layers with singular values a and b in a direction, da/dt = a b^2 X(ab) and
db/dt = b a^2 X(ab). From a = b = c small, dc/dt = 2 s c^3 and 1 / c(t)^2 = 1 / c(0)^2 - 4 s t: a direction waits
1 / (4 s c(0)^2) before it grows, where one layer waits only log(1 / c(0)) / (2 s). Small singular values of two layers
stay small for the whole training, without strong augmentation, and no direction shrinks: collapse without a negative
eigenvalue of X.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from metaclr.errors import UserError

BATCH = 1024


def contrastive_covariance(views: Tensor, others: Tensor, weight: Tensor) -> Tensor:
    """X (D, D) of the module's docstring, symmetric, for views and others (N, D) and the product of layers (K, D).

    The gradient of the loss with respect to the weight is -W X.
    """
    squared = torch.cdist(views @ weight.mT, others @ weight.mT).square()
    shares = (-squared / 2).softmax(1)
    # sum_ij p_ij (x_i - x'_j)(x_i - x'_j)^T without the (N, N, D) differences.
    received = shares.sum(0).unsqueeze(1)
    cross = views.mT @ (shares @ others)
    negatives = views.mT @ views + others.mT @ (received * others) - cross - cross.mT
    differences = views - others
    found: Tensor = (negatives - differences.mT @ differences) / len(views)
    return found


def growth(weight: Tensor, noise: Tensor, data: float = 1.0) -> Tensor:
    """X of equation (1): the rate at which a weight w of a direction grows, for noise n and data variance s."""
    v = data + noise
    reach = weight.square() * v
    return v * (2 + reach) / (1 + reach).square() - 2 * noise


def fixed_weight(noise: Tensor, data: float = 1.0) -> Tensor:
    """w* of equation (2), above 0 for all noise.

    Raises:
        UserError: noise or data variance that is not above 0.
    """
    if not data > 0 or not bool((noise > 0).all()):
        raise UserError("a fixed point needs variances of noise and data above 0")
    v = data + noise
    y = (v + (v.square() + 8 * noise * v).sqrt()) / (4 * noise)
    return ((y - 1) / v).sqrt()


@dataclass(frozen=True)
class Path:
    """Singular values over time: times (S,), measured and theory (S, D), each sorted by direction.

    layers: the weights at the start and at the end, from the input up. covariance: X at the start and at the end.
    """

    times: Tensor
    measured: Tensor
    theory: Tensor
    layers: tuple[tuple[Tensor, ...], tuple[Tensor, ...]]
    covariance: tuple[Tensor, Tensor]


def one_layer(noise: Tensor, *, time: float = 30.0, step: float = 0.05, batch: int = BATCH, seed: int = 0) -> Path:
    """Train z = W x from W = I by gradient descent on fresh batches; theory is dw/dt = w X(w) for each direction.

    noise: (D,) variance of the augmentation in each direction; data have variance 1. measured: the norms of the columns
    of W, its singular values as long as it stays diagonal.
    """
    dim, steps = len(noise), round(time / step)
    generator = torch.Generator().manual_seed(seed)
    weight, predicted = torch.eye(dim, dtype=torch.float64), torch.ones(dim, dtype=torch.float64)
    measured, theory, first = [weight.norm(dim=0)], [predicted], weight.clone()
    covariances = []
    for _ in range(steps):
        covariance = contrastive_covariance(*_views(noise, batch, generator), weight)
        covariances.append(covariance)
        weight = weight + step * weight @ covariance
        predicted = predicted + step * predicted * growth(predicted, noise)
        measured.append(weight.norm(dim=0))
        theory.append(predicted)
    times = step * torch.arange(steps + 1, dtype=torch.float64)
    ends = (covariances[0], torch.stack(covariances[-min(50, steps) :]).mean(0))
    return Path(times, torch.stack(measured), torch.stack(theory), ((first,), (weight,)), ends)


def two_layers(
    start: Sequence[float],
    *,
    noise: float = 0.5,
    aligned: bool = True,
    time: float = 20.0,
    step: float = 0.05,
    batch: int = BATCH,
    seed: int = 0,
) -> Path:
    """Train z = W2 W1 x from given singular values of both layers; theory is da/dt = a b^2 X(ab), db/dt = b a^2 X(ab).

    start: (D,) singular values of both layers. aligned: the layers share their singular vectors; otherwise each has
    random ones, and the theory is that of aligned layers still. measured: singular values of the product, sorted.
    """
    values = torch.tensor(list(start), dtype=torch.float64)
    dim, steps = len(values), round(time / step)
    generator = torch.Generator().manual_seed(seed)
    lower = upper = torch.diag(values)
    if not aligned:
        lower, upper = (_turn(dim, generator) @ torch.diag(values) @ _turn(dim, generator).mT for _ in range(2))
    first = (lower.clone(), upper.clone())
    spread = torch.full((dim,), noise, dtype=torch.float64)
    a = b = values.clone()
    measured, theory, covariances = [torch.linalg.svdvals(upper @ lower)], [(a * b).sort(descending=True).values], []
    for _ in range(steps):
        covariance = contrastive_covariance(*_views(spread, batch, generator), upper @ lower)
        covariances.append(covariance)
        moved = upper.mT @ upper @ lower @ covariance, upper @ lower @ covariance @ lower.mT
        lower, upper = lower + step * moved[0], upper + step * moved[1]
        rate = growth(a * b, spread)
        a, b = a + step * a * b.square() * rate, b + step * b * a.square() * rate
        measured.append(torch.linalg.svdvals(upper @ lower))
        theory.append((a * b).sort(descending=True).values)
    times = step * torch.arange(steps + 1, dtype=torch.float64)
    ends = (covariances[0], torch.stack(covariances[-min(50, steps) :]).mean(0))
    return Path(times, torch.stack(measured), torch.stack(theory), (first, (lower, upper)), ends)


def alignment_matrix(lower: Tensor, upper: Tensor) -> Tensor:
    """|V2^T U1| (D, D): the right singular vectors of the upper layer against the left ones of the lower.

    The identity for aligned layers (Jing et al. 2022, figure 6).
    """
    left = torch.linalg.svd(lower).U
    right = torch.linalg.svd(upper).Vh
    found: Tensor = (right @ left).abs()
    return found


def _views(noise: Tensor, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    images, one, other = (torch.randn(batch, len(noise), generator=generator, dtype=torch.float64) for _ in range(3))
    return images + noise.sqrt() * one, images + noise.sqrt() * other


def _turn(dim: int, generator: torch.Generator) -> Tensor:
    """A random orthogonal matrix."""
    turned: Tensor = torch.linalg.qr(torch.randn(dim, dim, generator=generator, dtype=torch.float64)).Q
    return turned
