"""Which estimate speaks about new classes, given what is known of the episodes, and why there is none."""

from __future__ import annotations

from torch import Tensor

from metaclr.evaluation.class_jackknife import class_counts, class_index, class_jackknife
from metaclr.evaluation.leave_one_way_out import leave_one_way_out
from metaclr.evaluation.standard_errors import StandardErrors


def new_class_errors(y: Tensor, classes: Tensor, without: Tensor | None = None) -> StandardErrors:
    """Standard errors of the mean of y (..., E) for new classes with their images, of the same kind.

    By `class_jackknife`; where every task uses all classes by `leave_one_way_out`, if there is `without` (..., E, N).
    Undefined otherwise (`undefined_reason` says why). classes: (E, N) ids. Raises UserError as the two do.
    """
    if without is not None and classes.shape[1] >= class_index(classes)[1]:
        return leave_one_way_out(y, without, classes)
    return class_jackknife(y, classes)


def estimate_name(classes: Tensor, *, has_without: bool) -> str:
    """What a protocol says about the interval for new classes of episodes with classes (E, N)."""
    if undefined_reason(classes, has_without=has_without):
        return "undefined for new classes"
    ways_are_all = has_without and classes.shape[1] >= class_index(classes)[1]
    return "new classes (leave one way out)" if ways_are_all else "new classes (class jackknife)"


def undefined_reason(classes: Tensor, *, has_without: bool) -> str:
    """Why an interval for new classes is undefined for episodes with classes (E, N); '' where it is defined."""
    index, count = class_index(classes)
    ways_of = class_counts(index, count)
    if count < 2:
        return "the pool has one class"
    if has_without and classes.shape[1] >= count:
        copies = float(ways_of.max()) > 1
        return "every task uses all classes, and some are copies of one another" if copies else ""
    left = (ways_of == 0).sum(0)
    if int(left.max()) == 0:
        return (
            f"every task uses all {count} classes, so none can be left out, and this head gives no second-best answers"
        )
    return "a class is in all episodes, so it cannot be left out" if int(left.min()) < 2 else ""
