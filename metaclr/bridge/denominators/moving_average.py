"""Axis 9, a running estimate of each image's denominator, so that small batches see many negatives (SogCLR)."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import ClassVar

import torch
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.logits.logits import Logits
from metaclr.bridge.spec import Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class MovingAverage:
    r"""$u_i \leftarrow (1-\gamma) u_i + \gamma \hat g_i$ with g the mean over negatives of e^l (Yuan et al. 2022).

    The loss has the value $\log(n u_i) - l^+$ and the gradient of $g_i / u_i - l^+$ with u constant. At gamma = 1
    it is the decoupled loss.
    """

    separates_positives: ClassVar[bool] = True
    gamma: float = 0.9  # Optimization-AI/SogCLR
    """Weight of the newest batch in the moving average; 1 keeps no past."""

    def __post_init__(self) -> None:
        if not 0 < self.gamma <= 1:
            raise UserError(f"denominator.gamma = {self.gamma} must be in (0, 1]")

    def module(self, sizes: Sizes) -> nn.Module:
        """The denominator with its estimates.

        Raises:
            UserError: the number of training images is unknown.
        """
        if sizes.dataset_size < 1:
            raise UserError("a moving-average denominator stores a number per image: give dataset_size")
        return MovingAverageDenominator(self, sizes.dataset_size)


class MovingAverageDenominator(nn.Module):
    """log u of every training image, -inf before its first batch; part of the checkpoint."""

    log_u: Tensor

    def __init__(self, settings: MovingAverage, dataset_size: int) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("log_u", torch.full((dataset_size,), float("-inf")))

    def forward(self, logits: Logits, numerator: Tensor, context: Context, scale: Tensor | float) -> Tensor:
        images, permutations = way_images(context, numerator)
        if not images.shape[1] > 1:
            raise UserError("a moving-average denominator has no negatives in tasks of 1 way")
        # (permutations, T, N, queries of a way): queries of one image share its estimate
        count = logits.count_negatives().to(numerator.dtype).log()
        log_g = (logits.log_sum_exp_negatives() - count).reshape(permutations, *images.shape, -1)
        before = self.log_u[images].to(log_g.dtype)[None, :, :, None]
        gamma, now = self.settings.gamma, log_g.detach()
        decayed = before + log(1 - gamma) if gamma < 1 else before.new_tensor(float("-inf"))
        log_u = torch.where(before > float("-inf"), torch.logaddexp(decayed, now + log(gamma)), now)
        if self.training:
            mean = log_u.logsumexp((0, 3)) - log(permutations * log_u.shape[-1])
            self.log_u[images] = mean.to(self.log_u.dtype)
        share = (log_g - log_u).exp()
        return (share - share.detach() + log_u).reshape(numerator.shape) + count - numerator


def way_images(context: Context, rows: Tensor) -> tuple[Tensor, int]:
    """Image ids `(T, ways)`, and how many role permutations the queries `(permutations T, ways Q)` hold of each task.

    Raises:
        UserError: no image ids, or ids that do not fit the queries.
    """
    if context.images is None:
        raise UserError("a moving-average denominator needs Context.images, the image of each way")
    images = context.images.flatten(1)
    if rows.shape[0] % images.shape[0] or rows.shape[1] % images.shape[1]:
        raise UserError(f"image ids {tuple(context.images.shape)} do not fit {rows.shape[1]} queries of a task")
    return images, rows.shape[0] // images.shape[0]
