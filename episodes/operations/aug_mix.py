"""AugMix: a random average of an image and of short chains of operations. Hendrycks et al. 2020, arXiv:1912.02781."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from episodes.operations.one_of import CHOICES, amounts, one_of
from episodes.operations.operation import Operation, Parameters, number
from episodes.operations.rows import Key, Rows

_STREAM = "views: augmix"
_WIDTH, _DEPTH = 3, 3  # chains, and operations of the longest: the paper's
_LEVELS = 10


@dataclass(frozen=True)
class AugMix(Operation):
    """aug_mix: severity of the operations, 1 to 10 (the paper's 3); 0: none."""

    aug_mix: int = number(0, 0, _LEVELS, "an integer, 0 to 10", whole=True)

    streams: ClassVar[tuple[str, ...]] = (_STREAM,)

    def is_active(self, channels: int) -> bool:
        """Whether any view is mixed."""
        return self.aug_mix > 0

    def draw(self, rows: Rows) -> Parameters:
        """mix_choice, mix_amount (B, W, L) of chains W and places L; mix_weight (B, 1 + W): of the image, the chains.

        Chain weights are Dirichlet(1, 1, 1) and the image's share is Beta(1, 1), that is uniform; a chain has 1 to 3
        operations, of all but "identity" in `CHOICES`. As torchvision's `AugMix`.
        """
        each = _WIDTH * _DEPTH
        units = rows.stream(_STREAM, 3 * each + 2 * _WIDTH + 1)
        which, level, sign, depth, weight, share = torch.split(units, [each, each, each, _WIDTH, _WIDTH, 1], dim=1)
        shape = (-1, _WIDTH, _DEPTH)
        length = 1 + (depth * _DEPTH).long().unsqueeze(2)
        used = torch.arange(_DEPTH, device=units.device) < length
        choice = (1 + (which * (len(CHOICES) - 1)).long()).view(shape) * used
        levels = (level * self.aug_mix).floor().view(shape) / (_LEVELS - 1)
        exponential = -torch.log1p(-weight)
        chains = exponential / exponential.sum(1, keepdim=True).clamp_min(1e-12)
        return {
            "mix_choice": choice,
            "mix_amount": amounts(choice, levels, (sign < 0.5).view(shape), shift=2 / 3, bits=4),
            "mix_weight": torch.cat([1 - share, share * chains], dim=1),
        }

    def apply(self, images: Tensor, drawn: Parameters, keys: Mapping[str, Key]) -> Tensor:
        """The weighted mean of the image and its chains."""
        weights = drawn["mix_weight"].view(-1, 1 + _WIDTH, 1, 1, 1).unbind(1)
        mixed = images * weights[0]
        for chain in range(_WIDTH):
            x = images
            for place in range(_DEPTH):
                x = one_of(x, drawn["mix_choice"][:, chain, place], drawn["mix_amount"][:, chain, place])
            mixed = mixed + x * weights[1 + chain]
        return mixed
