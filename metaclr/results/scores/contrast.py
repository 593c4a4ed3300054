"""Differences of scores on the same items: how many points, how sure, and whether they speak about methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metaclr.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from metaclr.results.scores.score import Score


@dataclass(frozen=True)
class Contrast:
    """What is compared: the sum of some scores minus the sum of others, all on one table column."""

    plus: tuple[Score, ...]
    minus: tuple[Score, ...]


@dataclass(frozen=True)
class Difference:
    """A difference in percent points, its 95 % half-width and its p value.

    Of few-shot results the two speak about new classes of the same kind, for these trained encoders; from three shared
    training seeds on (`about_methods`) about new trainings too. Of other results they speak about test images.

    ci95, p: None where no statement about new classes can be made; `undefined` says why.
    ci95_episodes: of few-shot results, the half-width over other episodes of the same pool.
    seeds: the difference of each training seed that all the scores share.
    """

    value: float
    ci95: float | None
    p: float | None
    ci95_episodes: float | None
    seeds: tuple[float, ...]
    about_methods: bool
    undefined: str = ""

    @property
    def sd(self) -> float | None:
        """Standard deviation of the seeds' differences; None for one seed."""
        from metaclr.evaluation.statistics import over_seeds

        return over_seeds(self.seeds).sd if len(self.seeds) > 1 else None

    @property
    def seeds_agree(self) -> bool:
        """Whether all training seeds agree on the sign; True where there is one seed."""
        return all(v > 0 for v in self.seeds) or all(v < 0 for v in self.seeds)

    @property
    def text(self) -> str:
        """'+1.2 ± 0.4', or '+1.2' where the interval is undefined."""
        half = "" if self.ci95 is None else f" ± {self.ci95:.1f}"
        return f"{round(self.value, 1) + 0.0:+.1f}{half}"

    def significant(self, level: float) -> bool:
        """Whether the p value is known and not above the level."""
        return self.p is not None and self.p <= level


def contrasts(wanted: Sequence[Contrast]) -> list[Difference]:
    """The difference of each contrast, p values not corrected. Pairs items, and training seeds.

    Raises:
        UserError: scores on different items, without per-item results, or without a training seed in common.
    """
    found: dict[int, Difference] = {}
    groups: dict[tuple[tuple[str, ...], tuple[int, ...]], list[int]] = {}
    for number, contrast in enumerate(wanted):
        same_items((*contrast.plus, *contrast.minus))
        groups.setdefault((contrast.plus[0].identity, _shared_seeds(contrast)), []).append(number)
    for (_, seeds), numbers in groups.items():  # one call for all on the same episodes, which share most of the work
        of_group = [wanted[number] for number in numbers]
        compute = _few_shot if of_group[0].plus[0].task.is_few_shot else _images
        found.update(zip(numbers, compute(of_group, seeds), strict=True))
    return [found[number] for number in range(len(wanted))]


def same_items(scores: Sequence[Score]) -> None:
    """Raises UserError where scores are not over the same items, or lack per-item results."""
    without = [s.method for s in scores if s.items is None]
    if without:
        raise UserError(f"no per-item results of {', '.join(without)}")
    for other in scores[1:]:
        if other.identity != scores[0].identity:
            raise UserError(f"{scores[0].method} and {other.method} were evaluated on different items")


def _shared_seeds(contrast: Contrast) -> tuple[int, ...]:
    scores = (*contrast.plus, *contrast.minus)
    shared = [seed for seed in scores[0].seeds if all(seed in s.seeds for s in scores)]
    if not shared:
        raise UserError(f"{' and '.join(s.method for s in scores)} have no training seed in common")
    return tuple(shared)


def _few_shot(wanted: Sequence[Contrast], seeds: Sequence[int]) -> list[Difference]:
    import torch

    from metaclr.results.scores.few_shot_interval import few_shot_intervals

    y = torch.stack([_combined(contrast, seeds, "items") for contrast in wanted])  # (G, S, E)
    first = wanted[0].plus[0]
    known = all(s.without is not None for contrast in wanted for s in (*contrast.plus, *contrast.minus))
    without = torch.stack([_combined(contrast, seeds, "without") for contrast in wanted]) if known else None
    return [
        Difference(
            value=found.value,
            ci95=found.ci95,
            p=found.p,
            ci95_episodes=found.ci95_episodes,
            seeds=tuple(values.mean(1).tolist()),
            about_methods=found.about_methods,
            undefined=found.undefined,
        )
        for found, values in zip(few_shot_intervals(y, first.classes, without), y, strict=True)
    ]


def _images(wanted: Sequence[Contrast], seeds: Sequence[int]) -> list[Difference]:
    """By the paired t test over test images, seeds averaged within each: these classes, these trained encoders."""
    import torch

    from metaclr.evaluation.statistics import paired_difference

    found = []
    for contrast in wanted:
        y = _combined(contrast, seeds, "items")
        pair = paired_difference(y.mean(0), torch.zeros(y.shape[1]))
        found.append(Difference(pair.difference, pair.half, pair.p, None, tuple(y.mean(1).tolist()), False))
    return found


def _combined(contrast: Contrast, seeds: Sequence[int], name: str) -> Tensor:
    """Sum of the plus scores' arrays minus that of the minus scores', (S, ...) for the seeds given."""
    import torch

    def rows(s: Score) -> Tensor:
        return torch.from_numpy(getattr(s, name)[[s.seeds.index(seed) for seed in seeds]]).double()

    plus, minus = ([rows(s) for s in side] for side in (contrast.plus, contrast.minus))
    return torch.stack(plus).sum(0) - torch.stack(minus).sum(0)
