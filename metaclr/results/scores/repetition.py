"""Would a repetition rank the methods alike? The probability, against the number of episodes and of trainings.

Two comparisons with n episodes and r trainings a method each, which share neither, are cut out of the stored one, many
times; the share of them whose orders agree is an estimate of the probability that two independent comparisons of that
size agree. Parts that share nothing make it unbiased: methods that do not differ get 1/2 on average, where resampling
around the measured means (a bootstrap) would give 3/4. It speaks about other episodes of the same pool of classes.
Parts are at most a quarter of the episodes: two halves of a sample lie on opposite sides of its mean, and so say little
about methods that are nearly equal.

Beyond that a normal model goes on (`Components`): the difference of two methods in seed s and episode e is
mu + a_s + b_e + c_se, independent, so its mean over r trainings and n episodes has variance
v = V_a / r + V_b / n + V_c / (r n), and two comparisons agree with probability P = F(z)^2 + F(-z)^2, z = mu / sqrt(v),
F the standard normal distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DRAWS = 400
"""Pairs of comparisons that are cut out; the standard error of a probability is at most 0.025."""
SAFE = 0.95
"""Probability from which on an order counts as safe."""
MIN_EPISODES = 500
MAX_EPISODES = 1_000_000
"""Episodes that `episodes_needed` tries at most."""


@dataclass(frozen=True)
class Repetition:
    """Probabilities that two comparisons of n episodes and r trainings agree.

    trainings: r; 0 where both use the same trained encoders, all of them. pairs (M, M): of the order of two methods.
    best: of the first place. whole: of the whole order. mean: over all pairs.
    """

    episodes: int
    trainings: int
    pairs: NDArray[np.float64]
    best: float
    whole: float

    @property
    def mean(self) -> float:
        """The mean over pairs of methods."""
        import numpy as np

        return float(self.pairs[np.triu_indices(len(self.pairs), 1)].mean())


def episode_counts(episodes: int) -> list[int]:
    """Numbers of episodes of a curve: roughly doubling from 25 up to a quarter of what is stored."""
    most = episodes // 4
    return [*(n for n in (25, 50, 100, 250, 500, 1000, 2500, 5000, 10000) if n < 0.8 * most), most]


def repetitions(y: NDArray[np.float64], counts: Sequence[int], draws: int = DRAWS) -> list[Repetition]:
    """For each number of episodes: with the same encoders, and with 1 to S // 2 other trainings on each side.

    Args:
        y: (M, S, E) accuracy of M methods, S trainings (of the same seeds), E episodes.
        counts: at most E // 2 each.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    methods, seeds, episodes = y.shape
    # One random order of the episodes a draw; the two comparisons take its two ends.
    place = rng.random((episodes, draws), dtype=np.float32).argsort(0).astype(np.int32)
    order = rng.random((seeds, draws)).argsort(0)
    flat = y.reshape(methods * seeds, episodes).astype(np.float32)
    ties = 1e-4 * rng.standard_normal((2, methods, draws))
    found = []
    for n in counts:
        ends = (place < n, place >= episodes - n)
        means = [(flat @ end.astype(np.float32)).reshape(methods, seeds, draws) / n for end in ends]
        for r in range(seeds // 2 + 1):
            # r = 0: all trainings on both sides.
            sides = ((order < r), (order >= seeds - r)) if r else (order >= 0, order >= 0)
            two = [(m * side).sum(1) / side.sum(0) + tie for m, side, tie in zip(means, sides, ties, strict=True)]
            found.append(_agreement(n, r, *two))
    return found


def _agreement(n: int, r: int, one: NDArray[np.float64], other: NDArray[np.float64]) -> Repetition:
    """From the means (M, draws) of two comparisons. Equal means were given a random order before."""
    import numpy as np

    above = [side[:, None] > side[None, :] for side in (one, other)]
    same = above[0] == above[1]
    best = (one.argmax(0) == other.argmax(0)).mean()
    return Repetition(n, r, same.mean(2), float(best), float(np.all(same, axis=(0, 1)).mean()))


@dataclass(frozen=True)
class Components:
    """The normal model of a difference in points: mean squared without bias, and the three variances.

    between_seeds: V_a, None for one training. episodes: V_b. rest: V_c, within V_b for one training.
    """

    squared_mean: float
    between_seeds: float | None
    episodes: float
    rest: float

    def agreement(self, episodes: float, trainings: int = 0) -> float:
        """P; trainings = 0: the same encoders in both comparisons, whose a_s belong to the mean then.

        Trainings other than 0 need V_a.
        """
        from math import sqrt

        from scipy.special import ndtr

        if trainings and self.between_seeds is not None:
            variance = self.between_seeds / trainings + self.episodes / episodes + self.rest / (trainings * episodes)
        else:
            variance = self.episodes / episodes
        if variance <= 0:
            return 1.0 if self.squared_mean > 0 else 0.5
        p = float(ndtr(sqrt(self.squared_mean / variance)))
        return p * p + (1 - p) * (1 - p)

    def episodes_needed(self, trainings: int = 0) -> int | None:
        """The smallest number of episodes with P of at least `SAFE`; None above `MAX_EPISODES`."""
        if self.agreement(MAX_EPISODES, trainings) < SAFE:
            return None
        low, high = 0, MAX_EPISODES
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.agreement(middle, trainings) >= SAFE else (middle, high)
        return high

    def trainings_needed(self, episodes: int) -> int | None:
        """The smallest number of trainings with P of at least `SAFE` at so many episodes; None above 1,000."""
        if self.between_seeds is None:
            return None
        return next((r for r in range(1, 1001) if self.agreement(episodes, r) >= SAFE), None)


def components(d: NDArray[np.float64], *, same_encoders: bool = False) -> Components:
    """Variances by analysis of variance (two ways, no replicates) of d (S, E), the differences of two methods.

    The squared mean is that of d less its own variance, at least 0: two methods are compared because they came out
    apart, and the square of a mean is too large by that variance.

    Args:
        same_encoders: the model of these trained encoders alone: seeds are averaged first.
    """
    import numpy as np

    if same_encoders or len(d) == 1:
        mean = d.mean(0)
        variance = float(mean.var(ddof=1))
        return Components(max(0.0, float(mean.mean()) ** 2 - variance / len(mean)), None, variance, 0.0)
    seeds, episodes = d.shape
    mean, rows, columns = d.mean(), d.mean(1), d.mean(0)
    rest = float(((d - rows[:, None] - columns + mean) ** 2).sum() / ((seeds - 1) * (episodes - 1)))
    between = max(0.0, float(rows.var(ddof=1)) - rest / episodes)
    of_episodes = max(0.0, float(columns.var(ddof=1)) - rest / seeds)
    own = between / seeds + of_episodes / episodes + rest / (seeds * episodes)
    return Components(max(0.0, float(np.square(mean)) - own), between, of_episodes, rest)
