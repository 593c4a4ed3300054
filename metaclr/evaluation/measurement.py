"""One measured number with its interval, what it was measured on, and what it takes to repeat it."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

from torch import Tensor

from metaclr.evaluation.new_classes import estimate_name, new_class_errors
from metaclr.evaluation.standard_errors import interval
from metaclr.evaluation.statistics import mean_interval, proportion


@dataclass(frozen=True, eq=False)
class Measurement:
    """One number of one evaluator on one target.

    value, ci95: percent and half-width in percent points (NaN where it is undefined). ci95 speaks about new classes for
        few-shot results, and about test images or label subsets elsewhere; the protocol says which.
    n: number of items: episodes, images or label subsets.
    per_item: float32, accuracies in 0..1 of each episode (E,) or correctness of each test image (M,), in an
        order that is the same for every encoder on the same target, so that methods can be paired.
    way, shot: None where the evaluator has no such thing. labels: which training labels were used.
    protocol: everything else that defines the number, `key=value; key=value`.
    ci95_episodes: of few-shot results, the half-width over other episodes of the same pool; NaN elsewhere.
    classes, without: of few-shot results, the class ids (E, N) of each episode, and where a task uses all classes of
        its pool the accuracies (E, N) in 0..1 without each way (`second_best`).
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

    classes (E, N): class ids of each episode. without (E, N): see `Measurement`.
    """
    over = mean_interval(accuracies)
    half = nan
    if over.n > 1:
        half = float(interval(new_class_errors(accuracies, classes, without))[0])
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


def of_images(evaluator: str, correct: Tensor, *, target: str, way: int, labels: str, protocol: str) -> Measurement:
    """The share of test images that were right, from correctness (M,) in {0, 1}, with a Wilson interval."""
    over = proportion(correct)
    kept = correct.detach().float().cpu()
    said = join(protocol, interval="Wilson over test images")
    return Measurement(
        evaluator, target, way, None, labels, "accuracy", 100 * over.mean, 100 * over.half, over.n, kept, said
    )


def of_subsets(evaluator: str, correct: Tensor, *, target: str, way: int, labels: str, protocol: str) -> Measurement:
    """The mean accuracy over label subsets, from correctness (S, M) in {0, 1}: Student t over the subsets.

    per_item is each test image's share of subsets that got it right. One subset alone: as `of_images`.
    """
    if len(correct) == 1:
        return of_images(
            evaluator, correct[0], target=target, way=way, labels=labels, protocol=join(protocol, subsets=1)
        )
    over = mean_interval(correct.double().mean(1))
    kept = correct.detach().float().mean(0).cpu()
    said = join(protocol, subsets=len(correct), interval="Student t over label subsets")
    return Measurement(
        evaluator, target, way, None, labels, "accuracy", 100 * over.mean, 100 * over.half, over.n, kept, said
    )


def join(protocol: str = "", **parts: object) -> str:
    """`protocol` with more `key=value` pieces after it; numbers in their shortest form."""
    said = [f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}" for key, value in parts.items()]
    return "; ".join([protocol, *said] if protocol else said)
