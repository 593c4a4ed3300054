"""One operation out of many for each row: the step of which RandAugment and AugMix are made."""

from __future__ import annotations

import torch
from torch import Tensor

from episodes.operations import color, geometry
from episodes.operations.autocontrast import autocontrast
from episodes.operations.equalize import equalize
from episodes.operations.posterize import posterize
from episodes.operations.sample import sample, sampling_grid
from episodes.operations.sharpness import adjust_sharpness
from episodes.operations.solarize import solarize

CHOICES = (
    *("identity", "shear_x", "shear_y", "translate_x", "translate_y", "rotate"),
    *("brightness", "color", "contrast", "sharpness"),
    *("posterize", "solarize", "autocontrast", "equalize"),
)
"""RandAugment's operations, in the order of torchvision."""

_POSES = CHOICES[1:6]
_NEVER = 2.0  # a threshold above every pixel


def one_of(images: Tensor, choice: Tensor, amount: Tensor) -> Tensor:
    """Apply to each image of (B, C, H, W) in [0, 1] the operation `CHOICES[choice]`, and nothing else.

    Every operation runs on all rows with an amount that changes nothing where it was not chosen, so that no row waits
    for the host. Poses turn about the center, with bilinear interpolation.

    Args:
        choice: (B,) int64 into `CHOICES`.
        amount: (B,) slope (shears), half-images (translations), degrees (rotate), factor - 1 (brightness, color,
            contrast, sharpness), bits (posterize) or threshold (solarize); the others take none.
    """
    chosen = {name: choice == place for place, name in enumerate(CHOICES)}
    of = {name: amount * chosen[name] for name in CHOICES}
    height, width = images.shape[-2:]
    theta = geometry.affine(
        of["rotate"],
        torch.ones_like(amount),
        of["shear_x"],
        of["shear_y"],
        of["translate_x"],
        of["translate_y"],
        aspect=width / height,
    )
    posed = sample(images, sampling_grid(theta, height, width))
    images = torch.where(_rows((choice >= 1) & (choice <= len(_POSES))), posed, images)
    images = color.adjust_brightness(images, 1 + of["brightness"])
    if images.shape[1] == 3:
        images = color.adjust_saturation(images, 1 + of["color"])
    images = color.adjust_contrast(images, 1 + of["contrast"])
    images = adjust_sharpness(images, 1 + of["sharpness"])
    images = posterize(images, of["posterize"])
    images = solarize(images, torch.where(chosen["solarize"], amount, _NEVER))
    images = torch.where(_rows(chosen["autocontrast"]), autocontrast(images), images)
    return torch.where(_rows(chosen["equalize"]), equalize(images), images)


def amounts(choice: Tensor, level: Tensor, negative: Tensor, *, shift: float, bits: float) -> Tensor:
    """The amount of the chosen operation at a level (B,) of 0 (weakest) to 1, as torchvision's tables.

    Args:
        negative: (B,) bool, the sign of the operations that have one.
        shift: half-images of a translation at level 1. bits: that posterize keeps at level 0; 4 fewer at level 1.
    """
    greatest = {"shear_x": 0.3, "shear_y": 0.3, "translate_x": shift, "translate_y": shift, "rotate": 30.0}
    greatest |= dict.fromkeys(("brightness", "color", "contrast", "sharpness"), 0.9)
    amount = torch.zeros_like(level)
    for name, most in greatest.items():
        amount = amount + (choice == CHOICES.index(name)) * (most * level)
    amount = torch.where(negative, -amount, amount)
    kept = (bits - 4 * level).round()
    amount = torch.where(choice == CHOICES.index("posterize"), kept.clamp_min(0), amount)
    return torch.where(choice == CHOICES.index("solarize"), 1 - level, amount)


def _rows(chosen: Tensor) -> Tensor:
    return chosen.view(-1, 1, 1, 1)
