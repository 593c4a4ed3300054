"""Random views of many images in one pass: parameters per row, one interpolation for the pose, then the pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from episodes.errors import EpisodeError
from episodes.operations import color
from episodes.operations.blur import gaussian_blur
from episodes.operations.dropout import drop_pixels, pixel_noise
from episodes.operations.elastic import displacement
from episodes.operations.erase import erase
from episodes.operations.hue import adjust_hue
from episodes.operations.parameters import Keys, draw_parameters, keys_of
from episodes.operations.sample import keep_inside, sample, sampling_grid
from episodes.operations.stroke import stroke_width
from episodes.view_recipe import ViewRecipe

_PIECE_BYTES = 1 << 21  # of float pixels: on a CPU, what stays in the cache from one operation to the next


def to_float(images: Tensor) -> Tensor:
    """uint8 pixels as float32 in [0, 1], for training and evaluation alike; no mean or deviation is taken out."""
    return images.to(torch.float32).div_(255)


def augment(images: Tensor, recipe: ViewRecipe, *, seed: int, step: int, ids: Tensor, views: Tensor) -> Tensor:
    """One random view of each image: uint8 (B, C, H, W) to float32 (B, C, H, W) in [0, 1], contiguous.

    Row b is a function of (seed, step, ids[b], views[b]) and its pixels, so any split of the batch, on any
    number of ranks, draws the same parameters exactly and gives the same rows up to float rounding. Order: pose
    (one bilinear interpolation), stroke width, brightness, contrast, saturation, hue, grey, blur, erasing, pixel
    dropout. torchvision shuffles the four color operations; here their order is fixed. Nothing waits for the
    device, and an operation that the recipe leaves out costs nothing.

    Args:
        ids, views: (B,) int64 on the device of the images: which image, and which view of it (0..4095).

    Raises:
        EpisodeError: pixels that are not uint8 (B, C, H, W), C = 1 or 3, or ids and views of another length.
    """
    check(images, ids, views)
    if recipe == ViewRecipe():
        return to_float(images).contiguous()
    keys = keys_of(seed, step)
    count = len(images)
    drawn = _drawn(images, recipe, keys, ids, views)
    # A GPU wants one large piece; a CPU wants pieces that stay in its cache, none of them much smaller than the others.
    pieces = max(1, -(-4 * images.numel() // _PIECE_BYTES)) if images.device.type == "cpu" else 1
    length = max(1, -(-count // pieces))
    out = torch.empty(images.shape, dtype=torch.float32, device=images.device)
    for start in range(0, count, length):
        rows = slice(start, start + length)
        part = {name: values[rows] for name, values in drawn.items()}
        # The last place of an interpolation may be above 1.
        torch.clamp(_views(images[rows], recipe, part, keys.dropout), 0, 1, out=out[rows])
    return out


def view_pixels(images: Tensor, recipe: ViewRecipe, keys: Tensor, ids: Tensor, views: Tensor, gather: bool) -> Tensor:
    """`augment` as a function of tensors alone, in one piece: what `torch.compile` takes whole.

    Args:
        keys: (3,) int64, `keys_of` the step: a tensor, so that the next step is not another program.
        gather: images are the whole set (M, C, H, W), of which row b is `ids[b]`.
    """
    if gather:
        images = images.index_select(0, ids)
    step = Keys(*keys.unbind())
    return _views(images, recipe, _drawn(images, recipe, step, ids, views), step.dropout).clamp(0, 1)


def _drawn(images: Tensor, recipe: ViewRecipe, keys: Keys, ids: Tensor, views: Tensor) -> dict[str, Tensor]:
    channels, height, width = images.shape[1:]
    return draw_parameters(recipe, keys=keys, ids=ids, views=views, channels=channels, height=height, width=width)


def _views(images: Tensor, recipe: ViewRecipe, drawn: dict[str, Tensor], noise_key: int | Tensor) -> Tensor:
    with torch.autocast(images.device.type, enabled=False):  # coordinates in bfloat16 would be off by pixels
        x = to_float(images)
        if "theta" in drawn:
            x = _pose(x, recipe, drawn)
        if "stroke" in drawn:
            x = stroke_width(x, drawn["stroke"])
        x = _colour(x, drawn)
        if "sigma" in drawn:
            x = gaussian_blur(x, drawn["sigma"], radius=max(1, min(x.shape[-2:]) // 20))  # SimCLR: 23 taps of 224
        if "erase" in drawn:
            x = erase(x, *drawn["erase"].unbind(1))
        if "dropout" in drawn:
            x = drop_pixels(x, pixel_noise(noise_key, drawn["noise"], *x.shape[-2:]), drawn["dropout"])
        return x


def _pose(x: Tensor, recipe: ViewRecipe, drawn: dict[str, Tensor]) -> Tensor:
    height, width = x.shape[-2:]
    grid = sampling_grid(drawn["theta"], height, width)
    if "elastic" in drawn:
        grid += displacement(drawn["elastic"], recipe.elastic, height, width)
    if "window" in drawn:
        grid = keep_inside(grid, *drawn["window"].unbind(1))
    return sample(x, grid)


def _colour(x: Tensor, drawn: dict[str, Tensor]) -> Tensor:
    if "brightness" in drawn:
        x = color.adjust_brightness(x, drawn["brightness"])
    if "contrast" in drawn:
        x = color.adjust_contrast(x, drawn["contrast"])
    if "saturation" in drawn:
        x = color.adjust_saturation(x, drawn["saturation"])
    if "hue" in drawn:
        x = adjust_hue(x, drawn["hue"])
    if "grey" in drawn:
        x = color.to_grey(x, drawn["grey"])
    return x


def check(images: Tensor, ids: Tensor, views: Tensor) -> None:
    """Raises EpisodeError, see `augment`."""
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise EpisodeError(
            f"augment takes uint8 (B, C, H, W) with C = 1 or 3, not {images.dtype} {tuple(images.shape)}"
        )
    if ids.shape != images.shape[:1] or views.shape != images.shape[:1]:
        raise EpisodeError(f"ids and views must be ({len(images)},), not {tuple(ids.shape)}, {tuple(views.shape)}")
