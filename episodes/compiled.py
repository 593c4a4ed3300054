"""Random views as one compiled function: parameters, gathering and all pixel operations in a few kernels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import FunctionType

import torch
from torch import Tensor

from episodes.augment import check, view_pixels
from episodes.view_recipe import ViewRecipe, keys_of


def augment_compiled(
    images: Tensor, recipe: ViewRecipe, *, seed: int, step: int, ids: Tensor, views: Tensor, gather: bool = False
) -> Tensor:
    """`augment`, compiled: the same parameters exactly, and the same pixels up to float rounding.

    Compiled once for each recipe, shape and device, whatever the step; raises what the compiler raises.

    Args:
        gather: `images` are the whole set (M, C, H, W), of which row b is `ids[b]`.
    """
    check(images[:0] if gather else images, ids[:0] if gather else ids, views[:0] if gather else views)
    keys = torch.tensor(keys_of(seed, step))
    if images.device.type == "cuda":  # from pinned memory, so that the host does not wait for the copy
        keys = keys.pin_memory().to(images.device, non_blocking=True)
    return _function(recipe, gather)(images, recipe, keys, ids, views, gather)


@cache
def _function(recipe: ViewRecipe, gather: bool) -> Callable[..., Tensor]:
    """One function object per recipe: torch stops compiling a function after 8 variants."""
    own = FunctionType(view_pixels.__code__.replace(), view_pixels.__globals__, view_pixels.__name__)
    return torch.compile(own, fullgraph=True, dynamic=False)
