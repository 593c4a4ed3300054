"""One measured number: its interval, the items it was measured on, and the protocol that repeats it."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING

from torch import Tensor

from metaclr.evaluation.new_classes import estimate_name, new_class_errors
from metaclr.evaluation.standard_errors import interval as interval_of
from metaclr.evaluation.statistics import mean_interval, proportion

if TYPE_CHECKING:
    from metaclr.evaluation.geometry import Geometry


@dataclass(frozen=True, eq=False)
class Measurement:
    """One number of one evaluator on one target.

    value, ci95: percent, and half-width of the 95 % interval in percent points (NaN where undefined). ci95 speaks about
        new classes for few-shot results, and about test images or label subsets elsewhere, as the protocol states.
    n: number of items: episodes, images or label subsets.
    per_item: float32, accuracy in 0..1 of each episode (E,) or correctness of each test image (M,). The order is the
        same for every encoder on the same target, so that methods can be compared in pairs.
    way, shot: None for an evaluator without them. labels: the label subset that was trained on.
    protocol: all other settings that define the number, as `key=value; key=value`.
    ci95_episodes: of few-shot results, the half-width over other episodes of the same pool; NaN elsewhere.
    classes, without: of few-shot results, the class ids (E, N) of each episode (one id for copies of a class, such as
        the turns of a character), and where a task uses all classes of its pool the accuracies (E, N) in 0..1 without
        each way (`second_best`).
    geometry: of the encoder's features on the target.
    """

    evaluator: str
    target: str
    way: int | None
    shot: int | None
    labels: str
    metric: str
    value: float
    ci95: float
    n: int
    per_item: Tensor | None
    protocol: str
    ci95_episodes: float = nan
    classes: Tensor | None = None
    without: Tensor | None = None
    geometry: Geometry | None = None


def from_episodes(
    evaluator: str,
    accuracies: Tensor,
    classes: Tensor,
    *,
    without: Tensor | None = None,
    target: str,
    shot: int,
    protocol: str,
) -> Measurement:
    """The mean of per-episode accuracies (E,) in 0..1, with its intervals for new classes and over episodes.

    classes (E, N): class ids of each episode, equal for copies. without (E, N): see `Measurement`.
    """
    over = mean_interval(accuracies)
    half = nan
    if over.n > 1:
        half = float(interval_of(new_class_errors(accuracies, classes, without))[0])
    return Measurement(
        evaluator=evaluator,
        target=target,
        way=classes.shape[1],
        shot=shot,
        labels="",
        metric="accuracy",
        value=100 * over.mean,
        ci95=100 * half,
        n=over.n,
        per_item=accuracies.detach().float().cpu(),
        protocol=join(protocol, interval=estimate_name(classes, has_without=without is not None)),
        ci95_episodes=100 * over.half,
        classes=classes.cpu(),
        without=None if without is None else without.detach().float().cpu(),
    )


def from_images(evaluator: str, correct: Tensor, *, target: str, way: int, labels: str, protocol: str) -> Measurement:
    """Share of test images classified correctly, from correctness (M,) in {0, 1}, with a Wilson interval."""
    interval = proportion(correct)
    per_item = correct.detach().float().cpu()
    protocol = join(protocol, interval="Wilson over test images")
    value, half = 100 * interval.mean, 100 * interval.half
    return Measurement(evaluator, target, way, None, labels, "accuracy", value, half, interval.n, per_item, protocol)


def from_subsets(evaluator: str, correct: Tensor, *, target: str, way: int, labels: str, protocol: str) -> Measurement:
    """Mean accuracy over label subsets, from correctness (S, M) in {0, 1}, with a Student t interval over subsets.

    per_item is, for each test image, the share of subsets that classify it correctly. One subset: as `from_images`.
    """
    if len(correct) == 1:
        return from_images(
            evaluator, correct[0], target=target, way=way, labels=labels, protocol=join(protocol, subsets=1)
        )
    interval = mean_interval(correct.double().mean(1))
    per_item = correct.detach().float().mean(0).cpu()
    protocol = join(protocol, subsets=len(correct), interval="Student t over label subsets")
    value, half = 100 * interval.mean, 100 * interval.half
    return Measurement(evaluator, target, way, None, labels, "accuracy", value, half, interval.n, per_item, protocol)


def join(protocol: str = "", **settings: object) -> str:
    """`protocol` followed by `key=value` of each setting; a float in its shortest form.

    >>> join("bn=eval", k=200, temperature=0.1)
    'bn=eval; k=200; temperature=0.1'
    """
    pairs = [f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}" for key, value in settings.items()]
    return "; ".join([protocol, *pairs] if protocol else pairs)
