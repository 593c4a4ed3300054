"""A method on an image set, checked and ready to train, for training loops other than the engine's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.comparison.runs.run import Run
    from metaclr.methods import Method
    from metaclr.recipe import CompareRecipe


def trainable_run(
    method: str | Method,
    source: ImageSet,
    *,
    recipe: str | Path = "glyphs",
    settings: Mapping[str, Any] | None = None,
    steps: int | None = None,
    seed: int = 0,
    overrides: Sequence[str] = (),
) -> tuple[Run, CompareRecipe, ImageSet]:
    """The run, its recipe, and the images in the recipe's format, as `metaclr.train` makes them.

    Raises:
        UserError, EpisodeError: an unknown method or setting, a control, or a source that the method cannot train on.
    """
    from metaclr.api.checks import check_arguments
    from metaclr.api.options import Options
    from metaclr.api.single_run import single_run

    check_arguments(
        method=method, source=source, recipe=recipe, settings=settings, steps=steps, seed=seed, overrides=overrides
    )
    options = Options(steps=steps, overrides=overrides)
    run, resolved, images, _ = single_run(
        method, source, recipe=recipe, settings=settings, seed=seed, options=options, device_type="cpu"
    )
    return run, resolved, images
