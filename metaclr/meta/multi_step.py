"""Weights of the query losses after each inner step, annealed to the last (MAML++; Antoniou et al. 2019)."""

from __future__ import annotations

LEAST = 0.03  # times 1 / steps: AntreasAntoniou/HowToTrainYourMAMLPytorch, few_shot_learning_system.py


def step_weights(steps: int, progress: float, fraction: float) -> list[float]:
    """Weight of the loss after step 1 to `steps`; they sum to 1.

    progress: finished part of the training, 0 to 1. fraction: the part in which all steps count. In it a weight falls
    linearly from 1 / steps to 0.03 / steps, and the last grows accordingly; after it the last alone counts.
    """
    if steps < 1 or progress >= fraction:
        return [0.0] * (steps - 1) + [1.0] * min(steps, 1)
    early = max((1 - progress / fraction) / steps, LEAST / steps)
    return [early] * (steps - 1) + [1 - (steps - 1) * early]
