"""One measured number: its interval, the items it was measured on, and the protocol that repeats it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from metaclr.evaluation.statistics import mean_interval, proportion


@dataclass(frozen=True, eq=False)
class Measurement:
    """One number of one evaluator on one target.

    value, ci95: percent, and half-width of the 95 % interval in percent points (NaN for a single item).
    n: number of items that the interval is over: episodes, images or label subsets, as the protocol states.
    per_item: float32, accuracy in 0..1 of each episode (E,) or correctness of each test image (M,). The order is the
        same for every encoder on the same target, so that methods can be compared in pairs.
    way, shot: None for an evaluator without them. labels: the label subset that was trained on.
    protocol: all other settings that define the number, as `key=value; key=value`.
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


def from_episodes(
    evaluator: str, accuracies: Tensor, *, target: str, way: int, shot: int, protocol: str
) -> Measurement:
    """Mean of per-episode accuracies (E,) in 0..1, with a Student t interval over episodes."""
    interval = mean_interval(accuracies)
    per_item = accuracies.detach().float().cpu()
    protocol = join(protocol, interval="Student t over episodes")
    value, half = 100 * interval.mean, 100 * interval.half
    return Measurement(evaluator, target, way, shot, "", "accuracy", value, half, interval.n, per_item, protocol)


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
