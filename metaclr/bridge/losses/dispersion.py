"""Log-mean-exponential of the similarities of different images: the term that spreads UniSiam's embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.logits.log_sum_exp import log_sum_exp
from metaclr.bridge.losses.common import check_batch, full_precision, views_of
from metaclr.bridge.spec import ObjectiveSpec, Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class Dispersion(ObjectiveSpec):
    """`log E exp(cos(x, y) / tau)` over rows x, y of different images (Lu et al. 2022, bbbdylan/unisiam).

    With tau = 1 / (2 t) it is the uniformity of Wang and Isola 2020, over the views of all images together, plus 2 t.
    """

    formula: ClassVar[str] = r"\log E_{x \neq y}\, e^{\cos(x, y)/\tau}"
    temperature: float = 2.0  # the authors'

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise UserError(f"temperature = {self.temperature} must be above 0: similarities are divided by it")

    def module(self, sizes: Sizes) -> nn.Module:
        """The loss."""
        return Dispersed(self)


class Dispersed(nn.Module):
    """Embeddings `(T, N, V, D)` to the loss; every way is an image."""

    def __init__(self, settings: Dispersion) -> None:
        super().__init__()
        self.settings = settings

    @full_precision
    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss, at least `-1 / tau` and at most `1 / tau`.

        Raises:
            UserError: a single image.
        """
        views = views_of(embeddings, context, least=1)
        images, count = len(views[0]), len(views)
        check_batch("dispersion", images, 2)
        rows = F.normalize(torch.cat(views), dim=-1)
        way = torch.arange(images, device=rows.device).repeat(count)
        logits = (rows @ rows.T / self.settings.temperature).masked_fill(way == way.unsqueeze(1), float("-inf"))
        return log_sum_exp(logits.flatten()) - log(len(rows) * (len(rows) - count))
