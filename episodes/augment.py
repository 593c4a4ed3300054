"""Random views of many images in one pass: parameters per row, then the operations of the recipe in their order."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from episodes.errors import EpisodeError
from episodes.operations.operation import Operation, Parameters
from episodes.operations.rows import Key
from episodes.view_recipe import STREAMS, ViewRecipe, draw_parameters, keys_of

_PIECE_BYTES = 1 << 21  # of float pixels: on a CPU, what stays in the cache from one operation to the next


def to_float(images: Tensor) -> Tensor:
    """uint8 pixels as float32 in [0, 1], for training and evaluation alike; not standardized.

    >>> to_float(torch.tensor([0, 255], dtype=torch.uint8))
    tensor([0., 1.])
    """
    return images.to(torch.float32).div_(255)


def augment(images: Tensor, recipe: ViewRecipe, *, seed: int, step: int, ids: Tensor, views: Tensor) -> Tensor:
    """One random view of each image: uint8 (B, C, H, W) to float32 (B, C, H, W) in [0, 1], contiguous.

    Row b is a function of (seed, step, ids[b], views[b]) and its pixels, so any split of the batch, on any
    number of ranks, draws the same parameters exactly and gives the same rows up to float rounding. The order is that
    of `view_recipe.OPERATIONS`: pose first (one bilinear interpolation). torchvision shuffles the color operations;
    here their order is fixed. Nothing waits for the device, and an operation that the recipe leaves out costs nothing.

    Args:
        ids, views: (B,) int64 on the device of the images: which image, and which view of it (0..4095).

    Raises:
        EpisodeError: pixels that are not uint8 (B, C, H, W), C = 1 or 3, or ids and views of another length.

    >>> images = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    >>> ids, views = torch.tensor([4, 4]), torch.tensor([0, 1])  # two views of image 4
    >>> augment(images, ViewRecipe(flip_horizontal=0.5), seed=0, step=0, ids=ids, views=views).shape
    torch.Size([2, 3, 8, 8])
    """
    check(images, ids, views)
    if recipe == ViewRecipe():
        return to_float(images).contiguous()
    keys = dict(zip(STREAMS, keys_of(seed, step), strict=True))
    count = len(images)
    drawn = _drawn(images, recipe, keys, ids, views)
    # A GPU wants one large piece; a CPU wants pieces that stay in its cache, none of them much smaller than the others.
    pieces = max(1, -(-4 * images.numel() // _PIECE_BYTES)) if images.device.type == "cpu" else 1
    length = max(1, -(-count // pieces))
    out = torch.empty(images.shape, dtype=torch.float32, device=images.device)
    for start in range(0, count, length):
        rows = slice(start, start + length)
        piece = {kind: {name: values[rows] for name, values in of.items()} for kind, of in drawn.items()}
        # The last place of an interpolation may be above 1.
        torch.clamp(_views(images[rows], recipe, piece, keys), 0, 1, out=out[rows])
    return out


def view_pixels(images: Tensor, recipe: ViewRecipe, keys: Tensor, ids: Tensor, views: Tensor, gather: bool) -> Tensor:
    """`augment` as a function of tensors alone, in one piece: `torch.compile` makes one program of it.

    Args:
        keys: int64 (len(STREAMS),), `keys_of` the step: a tensor, so that the next step is not another program.
        gather: images are the whole set (M, C, H, W), of which row b is `ids[b]`.
    """
    if gather:
        images = images.index_select(0, ids)
    named: dict[str, Key] = dict(zip(STREAMS, keys.unbind(), strict=True))
    return _views(images, recipe, _drawn(images, recipe, named, ids, views), named).clamp(0, 1)


def _drawn(
    images: Tensor, recipe: ViewRecipe, keys: Mapping[str, Key], ids: Tensor, views: Tensor
) -> dict[type[Operation], Parameters]:
    channels, height, width = images.shape[1:]
    return draw_parameters(recipe, keys=keys, ids=ids, views=views, channels=channels, height=height, width=width)


def _views(
    images: Tensor, recipe: ViewRecipe, drawn: Mapping[type[Operation], Parameters], keys: Mapping[str, Key]
) -> Tensor:
    with torch.autocast(images.device.type, enabled=False):  # coordinates in bfloat16 would be off by pixels
        x = to_float(images)
        for operation, parameters in drawn.items():
            x = operation.apply(recipe, x, parameters, keys)
        return x


def check(images: Tensor, ids: Tensor, views: Tensor) -> None:
    """Raises EpisodeError, see `augment`."""
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise EpisodeError(
            f"augment takes uint8 (B, C, H, W) with C = 1 or 3, not {images.dtype} {tuple(images.shape)}"
        )
    if ids.shape != images.shape[:1] or views.shape != images.shape[:1]:
        raise EpisodeError(f"ids and views must be ({len(images)},), not {tuple(ids.shape)}, {tuple(views.shape)}")
