"""Standard errors for new classes where a task uses all classes: remove one way's answer instead of one class."""

from __future__ import annotations

import torch
from torch import Tensor

from metaclr.errors import UserError
from metaclr.evaluation.class_jackknife import CONSTANT, class_counts, class_index, episodes_last, with_constants
from metaclr.evaluation.standard_errors import StandardErrors, undefined


def leave_one_way_out(y: Tensor, without: Tensor, classes: Tensor) -> StandardErrors:
    """Standard errors of the mean over episodes from what each way contributes to its episode.

    The contribution of way j to episode e is y_e minus the accuracy on the other N - 1 ways' queries when way j is not
    a possible answer. Their means per class, m_c, give the classes' part, N² / C var(m), from which the part that
    sampling the episodes adds, N² / C mean(s_c² / n_c), is taken off; var(y) / E is added. Satterthwaite's degrees
    of freedom, as in `class_jackknife`.

    Args:
        y: (..., E) accuracy of each episode, or the difference of two methods; seeds averaged first.
        without: (..., E, N) accuracy of each episode without way j, or the difference of two methods.
        classes: (E, N) integer ids of the distinct classes in each episode.

    Returns:
        Undefined for one class or one way, and where two ways of an episode are copies of one class.
        Standard errors of 0 where y and `without` are constant.

    Raises:
        UserError: shapes that do not belong together, or fewer than 2 episodes.
    """
    values = episodes_last(y, classes)
    if without.shape != (*y.shape, classes.shape[1]):
        raise UserError(
            f"accuracies without a way need shape {(*y.shape, classes.shape[1])}, not {tuple(without.shape)}"
        )
    episodes, way = classes.shape
    index, count = class_index(classes)
    contribution = (values.unsqueeze(-1) - without.detach().double().cpu()).flatten(-2)
    mean, variance = values.mean(-1), values.var(-1)
    constant = (variance < CONSTANT) & (contribution.var(-1) < CONSTANT)
    if count < 2 or way < 2 or float(class_counts(index, count).max()) > 1:
        return with_constants(undefined(mean), constant, count)
    flat = index.flatten()
    n = torch.bincount(flat, minlength=count).double()
    m = _class_sums(contribution, flat, count) / n
    spread = (_class_sums(contribution.square(), flat, count) - n * m.square()) / (n - 1).clamp(min=1)
    raw, sampled = way * way / count * m.var(-1), variance / episodes
    v = (raw - way * way / count * (spread / n).mean(-1)).clamp(min=0) + sampled
    df = torch.full_like(raw, count - 1)
    corrected = ((count - 1) * (v / (raw + sampled)).clamp(max=1).square()).clamp(min=1)
    errors = StandardErrors(mean, torch.stack([v.sqrt(), (raw + sampled).sqrt()]), torch.stack([corrected, df]))
    return with_constants(errors, constant, count)


def _class_sums(values: Tensor, index: Tensor, count: int) -> Tensor:
    """Sums (..., C) of values (..., E * N) by class position (E * N,)."""
    return values.new_zeros(*values.shape[:-1], count).index_add_(-1, index, values)
