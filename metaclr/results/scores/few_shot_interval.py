"""The interval that a table prints beside a few-shot number: new classes, and from three seeds on new trainings."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

UNKNOWN_CLASSES = "the classes of the episodes are not stored (episode_classes.npz)"


@dataclass(frozen=True)
class FewShotInterval:
    """Mean in percent (points), 95 % half-width and p value of a mean of 0, as in `contrast.Difference`.

    ci95_encoders: for new classes and these trained encoders, whatever the number of seeds; ci95 where there are fewer
    than three.
    """

    value: float
    ci95: float | None
    ci95_encoders: float | None
    ci95_episodes: float | None
    p: float | None
    about_methods: bool
    undefined: str


def few_shot_intervals(
    y: Tensor, classes: NDArray[np.integer[Any]] | None, without: Tensor | None = None
) -> list[FewShotInterval]:
    """Intervals of G means over seeds and episodes.

    Args:
        y: (G, S, E) accuracy or difference of each training seed on each episode, float64, percent.
        classes: (E, N) class ids of the episodes; None where they are not stored, then nothing is defined.
        without: (G, S, E, N) the same without each way, where a task uses all classes of its pool.
    """
    import torch

    from metaclr.evaluation.new_classes import new_class_errors, undefined_reason
    from metaclr.evaluation.standard_errors import MIN_SEEDS, crossed, interval
    from metaclr.evaluation.statistics import mean_interval

    about_methods = y.shape[1] >= MIN_SEEDS
    means, reason = y.mean(1), UNKNOWN_CLASSES
    encoders = printed = p = torch.full((len(y),), torch.nan, dtype=torch.float64)
    if classes is not None:
        ids = torch.from_numpy(classes.astype("int64"))
        reason = undefined_reason(ids, has_without=without is not None)
        errors = new_class_errors(means, ids, None if without is None else without.mean(1))
        encoders = interval(errors)[0]
        printed, p = interval(crossed(errors, y.mean(2)) if about_methods else errors)
    return [
        FewShotInterval(
            value=float(means[i].mean()),
            ci95=_known(printed[i]),
            ci95_encoders=_known(encoders[i]),
            ci95_episodes=_known(mean_interval(means[i]).half),
            p=_known(p[i]),
            about_methods=about_methods,
            undefined=(reason or "no class changes the mean") if isnan(printed[i]) else "",
        )
        for i in range(len(y))
    ]


def _known(value: Tensor | float) -> float | None:
    return None if isnan(value) else float(value)
