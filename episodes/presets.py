"""View recipes by name, each with its source."""

from __future__ import annotations

from dataclasses import replace

from episodes.view_recipe import ViewRecipe

# Chen et al. 2020 (arXiv:2002.05709), CIFAR-10: jitter of strength 0.5, no blur. As in MetaContrastive (Ni et al.
# 2022), which crops with bicubic interpolation where this is bilinear.
_SIMCLR = ViewRecipe(
    crop_scale=(0.08, 1.0),
    flip_horizontal=0.5,
    jitter=0.8,
    brightness=0.4,
    contrast=0.4,
    saturation=0.4,
    hue=0.1,
    grayscale=0.2,
)

_IMAGENET = replace(_SIMCLR, brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2, blur=0.5)
_CROP_FLIP = ViewRecipe(shift=0.25, flip_horizontal=0.5)

PRESETS: dict[str, ViewRecipe] = {
    "identity": ViewRecipe(),
    # Line drawings (glyphs, Omniglot): pose and stroke vary a little, as in one hand. The project's own.
    "gentle": ViewRecipe(rotate=10, zoom=(0.85, 1.15), shear=0.1, shift=0.1, elastic=0.04, stroke=(-0.5, 1.0)),
    # So strong that characters are confused and transfer suffers, as an example of that. The project's own.
    "strong": ViewRecipe(rotate=15, zoom=(0.85, 1.15), shear=0.25, shift=0.2, elastic=0.09, stroke=(-0.5, 1.0)),
    # Omniglot at 28 x 28. The project's own, chosen on the validation characters after training on the train ones:
    # simclr, 2,000 steps of 128 images x 2 views, Conv-4, 20-way 1-shot 85.1 %. There, wider poses (15 degrees, shear
    # 0.2, shift 0.15, zoom 0.8 to 1.2) gave 84.3, and up to 15 % lost pixels besides 81.9; more elastic (0.09) 85.2.
    "omniglot": ViewRecipe(
        rotate=10,
        zoom=(0.85, 1.15),
        shear=0.15,
        shift=0.1,
        elastic=0.07,
        stroke=(-0.5, 1.0),
    ),
    "simclr": _SIMCLR,
    # Chen et al. 2020, ImageNet: jitter of strength 1, blur of 0.1 to 2 pixels for half of the views.
    "simclr-imagenet": _IMAGENET,
    # Medina et al. 2020 (arXiv:2006.11325, indy-lab/ProtoTransfer), mini-ImageNet queries; supports stay as they are.
    "protoclr": replace(_SIMCLR, crop_scale=(0.5, 1.0), flip_vertical=0.5),
    # Supervised training at 32 px since He et al. 2016: a shift of up to 4 of 32 pixels, and a flip.
    # Theirs shifts by whole pixels, this one by any distance, interpolated.
    "crop-flip": _CROP_FLIP,
    # Cubuk et al. 2020 (arXiv:1909.13719): two operations of magnitude 9, after the crop and flip.
    "rand-augment": replace(_CROP_FLIP, rand_augment=2),
    # Hendrycks et al. 2020 (arXiv:1912.02781): severity 3, after the crop and flip.
    "aug-mix": replace(_CROP_FLIP, aug_mix=3),
    # Caron et al. 2020 (SwAV, arXiv:2006.09882): large crops as support, small ones as queries (`views` by role).
    # Theirs renders small crops at 96 of 224 pixels; here all views of a batch have one size.
    "multi-crop-global": replace(_IMAGENET, crop_scale=(0.14, 1.0)),
    "multi-crop-local": replace(_IMAGENET, crop_scale=(0.05, 0.14)),
}
"""View recipes by the names that `views = ...` of a recipe may take.

>>> PRESETS["simclr"].crop_scale
(0.08, 1.0)
"""
