"""View recipes by name, each with where it comes from."""

from __future__ import annotations

from episodes.view_recipe import ViewRecipe

PRESETS: dict[str, ViewRecipe] = {
    "identity": ViewRecipe(),
    # Line drawings: pose and stroke vary a little, as one hand's do.
    "gentle": ViewRecipe(rotate=10, zoom=(0.85, 1.15), shear=0.1, shift=0.1, elastic=0.04, stroke=(-0.6, 1.0)),
    # So strong that characters are confused: kept to show what too much does.
    "strong": ViewRecipe(rotate=15, zoom=(0.75, 1.25), shear=0.25, shift=0.2, elastic=0.09, stroke=(-0.6, 1.0)),
    # Omniglot at 28 x 28: affine and elastic pose, stroke width and lost pixels.
    "omniglot": ViewRecipe(
        rotate=15, zoom=(0.8, 1.2), shear=0.2, shift=0.1, elastic=0.08, stroke=(-0.6, 1.0), dropout=0.2
    ),
    # Chen et al. 2020, CIFAR-10 (google-research/simclr): jitter strength 0.5, no blur.
    "simclr": ViewRecipe(
        crop_scale=(0.08, 1.0),
        flip_horizontal=0.5,
        jitter=0.8,
        brightness=0.4,
        contrast=0.4,
        saturation=0.4,
        hue=0.1,
        grey=0.2,
    ),
    # Chen et al. 2020, ImageNet: jitter strength 1, blur with probability 0.5.
    "simclr-imagenet": ViewRecipe(
        crop_scale=(0.08, 1.0),
        flip_horizontal=0.5,
        jitter=0.8,
        brightness=0.8,
        contrast=0.8,
        saturation=0.8,
        hue=0.2,
        grey=0.2,
        blur=0.5,
    ),
    # Medina et al. 2020 (indy-lab/ProtoTransfer), mini-ImageNet.
    "protoclr": ViewRecipe(
        crop_scale=(0.5, 1.0),
        flip_horizontal=0.5,
        flip_vertical=0.5,
        jitter=0.8,
        brightness=0.4,
        contrast=0.4,
        saturation=0.4,
        hue=0.1,
        grey=0.2,
    ),
    # The habit of supervised training at 32 px: a small shift (4 of 32 pixels) and a flip.
    "crop-flip": ViewRecipe(shift=0.125, flip_horizontal=0.5),
}
"""The names that `views = ...` of a recipe may take."""
