"""The images of a comparison, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.recipe import CompareRecipe


def load_images(
    names: Iterable[str], recipe: CompareRecipe, root: Path | None, own: Mapping[str, ImageSet]
) -> dict[str, ImageSet]:
    """Image sets in the recipe's size and channels (their own where the recipe has none), each loaded once.

    Files are read as the recipe's table `data` says.

    Args:
        root: folder of data sets; None is the environment variable METACLR_DATA.
        own: the caller's image sets by name; other names are loaded by `metaclr.data.load`.

    Raises:
        UserError: an unknown name, or images that cannot be brought to that size and those channels.
    """
    from metaclr.data import adapt, load

    size, channels = recipe.size or None, recipe.channels or None
    return {
        name: adapt(own[name], size=size, channels=channels, fit=recipe.data.fit)
        if name in own
        else load(name, root, size=size, channels=channels, **recipe.data.options())
        for name in dict.fromkeys(names)
    }
