"""Slow loop versions of every formula, in the notation of the papers; what the vectorised code is tested against.

One task: `z` is float64 `(N, V, D)`. Rows are (way, view); unless said otherwise vectors are used as they come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations, permutations
from math import exp, log, sqrt

import numpy as np
import torch
from torch import Tensor

Kernel = Callable[[Tensor, Tensor], float]


def unit(z: Tensor) -> Tensor:
    return z / z.norm(dim=-1, keepdim=True)


def dot(q: Tensor, s: Tensor) -> float:
    return sum(float(a) * float(b) for a, b in zip(q, s, strict=True))


def cosine(q: Tensor, s: Tensor) -> float:
    return dot(q, s) / sqrt(dot(q, q) * dot(s, s))


def semi_normalized(q: Tensor, s: Tensor) -> float:
    return dot(q, s) / sqrt(dot(s, s))


def squared_euclidean(q: Tensor, s: Tensor) -> float:
    return -sum((float(a) - float(b)) ** 2 for a, b in zip(q, s, strict=True))


def log_sum_exp(values: Sequence[float]) -> float:
    most = max(values)
    return most + log(sum(exp(value - most) for value in values))


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def rows_of(z: Tensor) -> list[tuple[int, Tensor]]:
    return [(way, z[way, view]) for way in range(z.shape[0]) for view in range(z.shape[1])]


def anchors(
    z: Tensor, labels: Sequence[int] | None, tau: float, kernel: Kernel
) -> list[tuple[list[float], list[float]]]:
    """Of each leave-one-out anchor that has a positive: logits of positives, logits of negatives."""
    rows = rows_of(z)
    label = [way if labels is None else labels[way] for way, _ in rows]
    found = []
    for i, (_, q) in enumerate(rows):
        others = [(j, kernel(q, k) / tau) for j, (_, k) in enumerate(rows) if j != i]
        positives = [logit for j, logit in others if label[j] == label[i]]
        negatives = [logit for j, logit in others if label[j] != label[i]]
        if positives:
            found.append((positives, negatives))
    return found


# Cross-entropies of leave-one-out ------------------------------------------------------------------------------


def supcon_out(z: Tensor, labels: Sequence[int] | None = None, tau: float = 0.5, kernel: Kernel = dot) -> float:
    """Mean over positives of -log p; with instance labels NT-Xent."""
    return mean([mean([log_sum_exp(p + n) - one for one in p]) for p, n in anchors(z, labels, tau, kernel)])


def supcon_in(z: Tensor, labels: Sequence[int] | None = None, tau: float = 0.5, kernel: Kernel = dot) -> float:
    """-log of the mean probability of a positive."""
    return mean([log_sum_exp(p + n) - log_sum_exp(p) + log(len(p)) for p, n in anchors(z, labels, tau, kernel)])


def matching_out(z: Tensor, labels: Sequence[int] | None = None, tau: float = 0.5, kernel: Kernel = dot) -> float:
    """-log of the summed probability of the positives (NCA with squared distances)."""
    return mean([log_sum_exp(p + n) - log_sum_exp(p) for p, n in anchors(z, labels, tau, kernel)])


def dcl(z: Tensor, tau: float) -> float:
    return mean([log_sum_exp(n) - mean(p) for p, n in anchors(z, None, tau, dot)])


def dclw(z: Tensor, tau: float, sigma: float) -> float:
    found = anchors(z, None, tau, dot)
    raw = [exp(mean(p) * tau / sigma) for p, _ in found]
    weights = [2 - one / mean(raw) for one in raw]
    return mean([log_sum_exp(n) - w * mean(p) for w, (p, n) in zip(weights, found, strict=True)])


def hcl(z: Tensor, tau: float, beta: float, tau_plus: float) -> float:
    """Hard negatives; beta = 0 is the debiased loss. Two views: one positive."""
    losses = []
    for (positive,), negatives in anchors(z, None, tau, dot):
        weights = [exp(beta * k) for k in negatives]
        reweighted = sum(w * exp(k) for w, k in zip(weights, negatives, strict=True)) / mean(weights)
        count = len(negatives)
        ng = (reweighted - count * tau_plus * exp(positive)) / (1 - tau_plus)
        ng = max(ng, count * exp(-1 / tau))
        losses.append(-log(exp(positive) / (exp(positive) + ng)))
    return mean(losses)


def hard_contrastive(z: Tensor, tau: float, count: int) -> float:
    found = anchors(z, None, tau, dot)
    return mean([log_sum_exp(p + sorted(n)[-count:]) - mean(p) for p, n in found])


def hard_threshold(z: Tensor, tau: float, threshold: float) -> float:
    found = anchors(z, None, tau, dot)
    return mean([log_sum_exp(p + [k for k in n if k * tau >= threshold]) - mean(p) for p, n in found])


def simple_contrastive(z: Tensor, weight: float | None, tau: float = 1.0) -> float:
    return mean([-mean(p) + (1 / len(n) if weight is None else weight) * sum(n) for p, n in anchors(z, None, tau, dot)])


def within_class(z: Tensor, labels: Sequence[int], tau: float) -> float:
    """Class-conditional InfoNCE: instance positives, negatives of the same label only."""
    rows, losses = rows_of(z), []
    for i, (way, q) in enumerate(rows):
        same = [(w, dot(q, k) / tau) for j, (w, k) in enumerate(rows) if j != i and labels[w] == labels[way]]
        positives = [logit for w, logit in same if w == way]
        losses.append(log_sum_exp([logit for _, logit in same]) - mean(positives))
    return mean(losses)


def sogclr(z: Tensor, tau: float, gamma: float, u: list[float | None]) -> tuple[float, list[float]]:
    """Value of the loss and the new estimates; `u` per image, None where never seen. Two views."""
    losses, new = [], []
    for way in range(z.shape[0]):
        per_view = []
        for view in range(z.shape[1]):
            q = z[way, view]
            positives = [dot(q, z[way, v]) / tau for v in range(z.shape[1]) if v != view]
            negatives = [dot(q, k) / tau for w, k in rows_of(z) if w != way]
            g = mean([exp(k) for k in negatives])
            before = u[way]
            estimate = g if before is None else (1 - gamma) * before + gamma * g
            per_view.append(estimate)
            losses.append(log(len(negatives) * estimate) - mean(positives))
        new.append(mean(per_view))
    return mean(losses), new


# Episodes --------------------------------------------------------------------------------------------------------


def episode(z: Tensor, shot: int) -> tuple[list[list[Tensor]], list[tuple[int, Tensor]]]:
    """Support of each way, and (way, query) of all queries."""
    support = [[z[way, view] for view in range(shot)] for way in range(z.shape[0])]
    queries = [(way, z[way, view]) for way in range(z.shape[0]) for view in range(shot, z.shape[1])]
    return support, queries


def cross_entropy(logits: Sequence[Sequence[float]], targets: Sequence[int]) -> float:
    return mean([log_sum_exp(row) - row[target] for row, target in zip(logits, targets, strict=True)])


def prototype_loss(z: Tensor, shot: int, kernel: Kernel, tau: float) -> float:
    support, queries = episode(z, shot)
    means = [sum(rows[1:], rows[0]) / len(rows) for rows in support]
    return cross_entropy([[kernel(q, mu) / tau for mu in means] for _, q in queries], [way for way, _ in queries])


def matching_loss(z: Tensor, shot: int, kernel: Kernel, tau: float) -> float:
    support, queries = episode(z, shot)
    losses = []
    for way, q in queries:
        logits = [[kernel(q, s) / tau for s in rows] for rows in support]
        losses.append(log_sum_exp([one for row in logits for one in row]) - log_sum_exp(logits[way]))
    return mean(losses)


def pairs_loss(z: Tensor, shot: int, kernel: Kernel, tau: float) -> float:
    support, queries = episode(z, shot)
    losses = []
    for way, q in queries:
        logits = [[kernel(q, s) / tau for s in rows] for rows in support]
        losses.append(log_sum_exp([one for row in logits for one in row]) - mean(logits[way]))
    return mean(losses)


def info_nce(z: Tensor, tau: float, kernel: Kernel = dot) -> float:
    """Symmetric, two views."""
    return (prototype_loss(z, 1, kernel, tau) + prototype_loss(z.flip(1), 1, kernel, tau)) / 2


def swapped(z: Tensor, shot: int, loss: Callable[[Tensor], float]) -> float:
    """Mean over the choices of support views."""
    values = []
    for chosen in combinations(range(z.shape[1]), shot):
        rest = [view for view in range(z.shape[1]) if view not in chosen]
        values.append(loss(z[:, [*chosen, *rest]]))
    return mean(values)


def n_pair(z: Tensor) -> float:
    losses = []
    for way in range(len(z)):
        q = z[way, 1]
        others = [dot(q, z[n, 0]) - dot(q, z[way, 0]) for n in range(len(z)) if n != way]
        losses.append(log(1 + sum(exp(other) for other in others)))
    return mean(losses)


def moco(queries: Tensor, keys: Tensor, queue: Tensor, tau: float) -> float:
    losses = []
    for q, k in zip(queries, keys, strict=True):
        logits = [dot(q, k) / tau] + [dot(q, past) / tau for past in queue]
        losses.append(log_sum_exp(logits) - logits[0])
    return mean(losses)


def sinkhorn(scores: Sequence[Sequence[float]], epsilon: float, iterations: int) -> list[list[float]]:
    """Columns, then rows, are divided by their sums, in turn."""
    plan = [[exp(one / epsilon) for one in row] for row in scores]
    for _ in range(iterations):
        sums = [sum(column) for column in zip(*plan, strict=True)]
        plan = [[one / whole for one, whole in zip(row, sums, strict=True)] for row in plan]
        plan = [[one / sum(row) for one in row] for row in plan]
    return plan


def psco_supervised(queries: Tensor, shots: Tensor, tau: float) -> float:
    """`queries` (N, D), `shots` (N, K, D): the pseudo-supervised term of PsCo."""
    losses = []
    for i, p in enumerate(queries):
        everything = [dot(p, s) / tau for rows in shots for s in rows]
        losses.append(log_sum_exp(everything) - mean([dot(p, s) / tau for s in shots[i]]))
    return mean(losses)


def ridge_loss(z: Tensor, shot: int, regularizer: float, tau: float) -> float:
    """Each class is a ridge regression of its own, by the normal equations."""
    support, queries = episode(z, shot)
    rows = np.stack([row.numpy() for way in support for row in way])
    classes = [way for way, members in enumerate(support) for _ in members]
    weights = []
    for way in range(len(support)):
        targets = np.array([1.0 if one == way else 0.0 for one in classes])
        covariance = rows.T @ rows + regularizer * np.eye(rows.shape[1])
        weights.append(torch.from_numpy(np.linalg.solve(covariance, rows.T @ targets)))
    return cross_entropy([[dot(q, w) / tau for w in weights] for _, q in queries], [way for way, _ in queries])


def svm_gap(support: Tensor, alpha: Tensor, penalty: float) -> tuple[float, float]:
    """Primal cost and dual value of the Crammer-Singer SVM of `support` (N, K, D) at dual variables (N K, N).

    The dual value of feasible variables never exceeds the primal cost of any weights, so a gap of zero proves both.
    """
    ways, shots, _ = support.shape
    rows = [(way, support[way, shot]) for way in range(ways) for shot in range(shots)]
    for i, (y, _) in enumerate(rows):
        assert abs(sum(float(one) for one in alpha[i])) < 1e-12
        assert all(float(alpha[i, c]) <= (penalty if c == y else 0.0) + 1e-12 for c in range(ways))
    weights = [sum(float(alpha[i, c]) * row for i, (_, row) in enumerate(rows)) for c in range(ways)]
    norms = sum(dot(w, w) for w in weights) / 2
    slack = sum(max(dot(w, row) + (c != y) for c, w in enumerate(weights)) - dot(weights[y], row) for y, row in rows)
    return norms + penalty * slack, sum(float(alpha[i, y]) for i, (y, _) in enumerate(rows)) - norms


def relation_loss(scores: Sequence[Sequence[float]], targets: Sequence[int]) -> float:
    """Mean squared error of the sigmoids against one-hot."""
    losses = []
    for row, target in zip(scores, targets, strict=True):
        losses.append(mean([(1 / (1 + exp(-one)) - (1.0 if n == target else 0.0)) ** 2 for n, one in enumerate(row)]))
    return mean(losses)


# Without class logits --------------------------------------------------------------------------------------------


def alignment_loss(online: Tensor, target: Tensor, weight: float) -> float:
    pairs = list(permutations(range(online.shape[1]), 2))
    return mean([weight * (1 - cosine(online[i, q], target[i, s])) for q, s in pairs for i in range(len(online))])


def barlow_twins(z: Tensor, off_diagonal: float, epsilon: float) -> float:
    n, views, dims = z.shape
    total = []
    for v, u in combinations(range(views), 2):
        loss = 0.0
        for i in range(dims):
            for j in range(dims):
                a, b = z[:, v, i], z[:, u, j]
                a = (a - a.mean()) / (a.var(correction=0) + epsilon).sqrt()
                b = (b - b.mean()) / (b.var(correction=0) + epsilon).sqrt()
                c = float((a * b).sum()) / n
                loss += (1 - c) ** 2 if i == j else off_diagonal * c**2
        total.append(loss)
    return mean(total)


def vicreg(z: Tensor, weights: tuple[float, float, float], epsilon: float) -> float:
    """Two views."""
    n, _, dims = z.shape
    together = mean([float((z[i, 0, d] - z[i, 1, d]) ** 2) for i in range(n) for d in range(dims)])
    spread = covariances = 0.0
    for v in (0, 1):
        stds = [sqrt(float(z[:, v, d].var()) + epsilon) for d in range(dims)]
        spread += mean([max(0.0, 1 - std) for std in stds]) / 2
        for i, j in permutations(range(dims), 2):
            a, b = z[:, v, i] - z[:, v, i].mean(), z[:, v, j] - z[:, v, j].mean()
            covariances += (float((a * b).sum()) / (n - 1)) ** 2 / dims
    return weights[0] * together + weights[1] * spread + weights[2] * covariances


def wmse(z: Tensor, shrinkage: float) -> float:
    """Two views, one batch."""
    white = []
    for v in (0, 1):
        rows = z[:, v].numpy()
        covariance = (1 - shrinkage) * np.cov(rows, rowvar=False) + shrinkage * np.eye(rows.shape[1])
        inverse = np.linalg.inv(np.linalg.cholesky(covariance))
        white.append([torch.from_numpy(inverse @ (row - rows.mean(0))) for row in rows])
    return mean([2 - 2 * cosine(a, b) for a, b in zip(*white, strict=True)])


def spectral(z: Tensor, radius: float) -> float:
    """Two views."""
    clipped = [[row if dot(row, row) <= radius else row * sqrt(radius / dot(row, row)) for row in way] for way in z]
    n = len(z)
    close = mean([dot(clipped[i][0], clipped[i][1]) for i in range(n)])
    apart = mean([dot(clipped[i][0], clipped[j][1]) ** 2 for i in range(n) for j in range(n) if i != j])
    return -2 * close + apart


def align_uniform(z: Tensor, alpha: float, t: float) -> float:
    """Two views of unit norm."""
    align = mean([sqrt(-squared_euclidean(way[0], way[1])) ** alpha for way in z])
    uniform = 0.0
    for v in (0, 1):
        pairs = combinations(range(len(z)), 2)
        uniform += log(mean([exp(t * squared_euclidean(z[i, v], z[j, v])) for i, j in pairs])) / 2
    return align + uniform


def triplet(z: Tensor, labels: Sequence[int], margin: float, mining: str, root: bool = False) -> float:
    """root: Euclidean distances, not squared."""
    rows = rows_of(z)
    label = [labels[way] for way, _ in rows]
    power = 0.5 if root else 1.0
    distance = [[(-squared_euclidean(a, b)) ** power for _, b in rows] for _, a in rows]
    losses = []
    for a in range(len(rows)):
        positives = [distance[a][p] for p in range(len(rows)) if p != a and label[p] == label[a]]
        negatives = [distance[a][n] for n in range(len(rows)) if label[n] != label[a]]
        if mining == "batch_hard" and positives and negatives:
            losses.append(max(0.0, max(positives) - min(negatives) + margin))
        if mining == "semi_hard":
            for d in positives:
                semi = [n for n in negatives if d < n < d + margin]
                losses += [d - min(semi) + margin] if semi else []
    return mean(losses) if losses else 0.0


def triplet_batch_hard_soft(z: Tensor, labels: Sequence[int]) -> float:
    """Hermans et al.: Euclidean distances, not squared, and the soft margin."""
    rows, losses = rows_of(z), []
    for a, (way, anchor) in enumerate(rows):
        distances = [(p, w, (-squared_euclidean(anchor, row)) ** 0.5) for p, (w, row) in enumerate(rows)]
        positives = [d for p, w, d in distances if p != a and labels[w] == labels[way]]
        negatives = [d for _, w, d in distances if labels[w] != labels[way]]
        if positives and negatives:
            losses.append(math.log1p(math.exp(max(positives) - min(negatives))))
    return mean(losses)


def l_spread(z: Tensor, labels: Sequence[int], tau: float) -> float:
    """HazyResearch/thanos-code: anchors of the second view against rows of the first, each positive alone."""
    losses = []
    for i in range(len(z)):
        logits = [dot(z[i, 1], z[j, 0]) / tau for j in range(len(z))]
        positives = [logits[j] for j in range(len(z)) if labels[j] == labels[i]]
        negatives = [logits[j] for j in range(len(z)) if labels[j] != labels[i]]
        attract = mean([log_sum_exp([p, *negatives]) - p for p in positives])
        spread = log_sum_exp(positives) - logits[i]
        losses.append((attract + spread) / 2)
    return mean(losses)


def siamese(z: Tensor, labels: Sequence[int], margin: float) -> float:
    rows, close, far = rows_of(z), [], []
    for i, j in permutations(range(len(rows)), 2):
        squared = -squared_euclidean(rows[i][1], rows[j][1])
        if labels[rows[i][0]] == labels[rows[j][0]]:
            close.append(squared)
        else:
            far.append(max(0.0, margin - sqrt(squared)) ** 2)
    return mean(close) + mean(far)
