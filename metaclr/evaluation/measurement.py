"""One measured number with its interval, what it was measured on, and what it takes to repeat it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from metaclr.evaluation.statistics import mean_interval, proportion


@dataclass(frozen=True, eq=False)
class Measurement:
    """One number of one evaluator on one target.

    value, ci95: percent and half-width in percent points (nan where one number alone gives no interval).
    n: what the interval is over (episodes, images or label subsets; the protocol says which).
    per_item: float32, accuracies in 0..1 of each episode (E,) or correctness of each test image (M,), in an
        order that is the same for every encoder on the same target, so that methods can be paired.
    way, shot: None where the evaluator has no such thing. labels: which training labels were used.
    protocol: everything else that defines the number, `key=value; key=value`.
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


def of_episodes(evaluator: str, accuracies: Tensor, *, target: str, way: int, shot: int, protocol: str) -> Measurement:
    """The mean of per-episode accuracies (E,) in 0..1, with a Student t interval over the episodes."""
    over = mean_interval(accuracies)
    kept = accuracies.detach().float().cpu()
    said = join(protocol, interval="Student t over episodes")
    return Measurement(
        evaluator, target, way, shot, "", "accuracy", 100 * over.mean, 100 * over.half, over.n, kept, said
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
