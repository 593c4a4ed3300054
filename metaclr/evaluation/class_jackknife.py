"""Standard errors of few-shot accuracy for new classes: delete-one-class jackknife, corrected for sampled episodes.

Stored episodes share classes, so an interval over episodes speaks about these classes alone and gets as narrow as one
likes with more episodes. Leaving out one class at a time (Efron and Stein 1981, "The jackknife estimate of variance")
measures how far the mean depends on which classes were drawn.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metaclr.errors import UserError
from metaclr.evaluation.standard_errors import StandardErrors, undefined

CONSTANT = 1e-24
"""A variance below this is rounding, not spread."""


def class_jackknife(y: Tensor, classes: Tensor) -> StandardErrors:
    """Standard errors of the mean over episodes, as an estimate for other classes of the same kind.

    With C classes, n_c episodes that contain class c, and m_c the mean of y over the episodes without class c (classes
    that are copies of one, such as the quarter turns of a character, have one id and are left out together):

    - raw: V_J = (C - 1) / C Σ (m_c - mean of m)², C - 1 degrees of freedom. It contains the sampling variance of the
      episodes about N times, so it is too wide where that is large.
    - corrected: s² is the residual variance of y on additive class effects, k = (C - 1) / C Σ [1 / (E - n_c) - 1 / E],
      V = min(V_J, max(V_J - k s², 0) + s² / E) and (C - 1) (V / V_J)² degrees of freedom, at least 1 (Satterthwaite
      1946, "An approximate distribution of estimates of variance components").

    With fewer than 2 C episodes both are the raw estimate: too few to tell the episodes' noise from the classes'.

    Args:
        y: (..., E) accuracy of each episode, or the difference of two methods on the same episodes; leading axes are
            different methods or differences. Average the training seeds of a method first.
        classes: (E, N) integer ids of the classes in each episode; any labels. Copies of one class have its id.

    Returns:
        Undefined where no class can be left out (a task uses all classes, or all but one episode contain a class)
        and where y varies but no class changes its mean. Standard errors of 0 where y is constant.

    Raises:
        UserError: y and classes with different numbers of episodes, or fewer than 2 episodes.
    """
    values = episodes_last(y, classes)
    episodes = len(classes)
    index, count = class_index(classes)
    mean, variance = values.mean(-1), values.var(-1)
    ways_of = class_counts(index, count)
    found = undefined(mean)
    if float((ways_of == 0).sum(0).min()) >= 2:
        se, df = _estimates(values.reshape(-1, episodes), index, ways_of)
        found = StandardErrors(mean, se.view(2, *mean.shape), df.view(2, *mean.shape))
    return with_constants(found, variance < CONSTANT, count)


def _estimates(values: Tensor, index: Tensor, ways_of: Tensor) -> tuple[Tensor, Tensor]:
    """Standard errors and degrees of freedom (2, M) of values (M, E).

    index (E, N): class positions; ways_of (E, C): in how many ways of an episode each class is.
    """
    episodes, count = ways_of.shape
    holds = ways_of.clamp(max=1)
    left = episodes - holds.sum(0)
    without = (values.sum(-1, keepdim=True) - values @ holds) / left
    share = (count - 1) / count
    jackknife = share * (without - without.mean(-1, keepdim=True)).square().sum(-1)
    df = torch.full_like(jackknife, count - 1)
    raw = jackknife.sqrt()
    if episodes < 2 * count:
        se, degrees = torch.stack([raw, raw]), torch.stack([df, df])
    else:
        noise = _residual_variance(values, ways_of, index)
        excess = share * float((1 / left - 1 / episodes).sum()) * noise
        v = ((jackknife - excess).clamp(min=0) + noise / episodes).minimum(jackknife)
        satterthwaite = ((count - 1) * (v / jackknife).square()).clamp(min=1)
        se, degrees = torch.stack([v.sqrt(), raw]), torch.stack([satterthwaite, df])
    known = jackknife > 0
    return se.where(known, torch.nan), degrees.where(known, 0.0)


def _residual_variance(values: Tensor, ways_of: Tensor, index: Tensor) -> Tensor:
    """Residual variance (M,) of values (M, E) on additive class effects, without intercept: RSS / (E - C)."""
    (episodes, count), way = ways_of.shape, index.shape[1]
    pairs = (index.unsqueeze(2) * count + index.unsqueeze(1)).flatten()
    gram = torch.bincount(pairs, minlength=count * count).double().view(count, count)
    # The ridge keeps classes that always come together solvable; it changes the residuals in the 18th digit.
    gram.diagonal().add_(1e-9 * episodes * way / count)
    effects = torch.cholesky_solve((values @ ways_of).T, torch.linalg.cholesky(gram))
    return (values - (ways_of @ effects).T).square().sum(-1) / (episodes - count)


def class_index(classes: Tensor) -> tuple[Tensor, int]:
    """Class ids (E, N) as positions 0 .. C - 1, int64 on the CPU, and C."""
    ids, index = torch.unique(classes.cpu(), return_inverse=True)
    return index, len(ids)


def class_counts(index: Tensor, count: int) -> Tensor:
    """In how many ways of each episode a class is: float64 (E, C), from class positions (E, N)."""
    ones = torch.ones(index.shape, dtype=torch.float64)
    return ones.new_zeros(len(index), count).scatter_add_(1, index, ones)


def episodes_last(y: Tensor, classes: Tensor) -> Tensor:
    """y (..., E) in float64 on the CPU, checked against classes (E, N). Raises UserError as `class_jackknife`."""
    if classes.ndim != 2 or y.ndim < 1 or y.shape[-1] != len(classes):
        raise UserError(f"accuracies {tuple(y.shape)} need class ids (E, N) of the same E, not {tuple(classes.shape)}")
    if len(classes) < 2:
        raise UserError(f"{len(classes)} episodes: an interval needs 2 or more")
    return y.detach().double().cpu()


def with_constants(errors: StandardErrors, constant: Tensor, classes: int) -> StandardErrors:
    """The same errors, but 0 with C - 1 degrees of freedom where the data are constant: constant (...,) bool."""
    df = errors.df.where(~constant, float(max(classes - 1, 1)))
    return StandardErrors(errors.mean, errors.se.where(~constant, 0.0), df)
