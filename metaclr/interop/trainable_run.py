"""A method on an image set, checked and ready to train, for training loops other than the engine's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.errors import UserError

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.comparison.run import Run
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
    from metaclr.comparison.checks import check_run
    from metaclr.comparison.image_format import with_format
    from metaclr.comparison.load import load_images
    from metaclr.comparison.method_files import find_method, method_text
    from metaclr.comparison.positives_setting import declared
    from metaclr.comparison.run import Run
    from metaclr.recipe import find, for_other_data, read, resolve

    check_arguments(
        method=method, source=source, recipe=recipe, settings=settings, steps=steps, seed=seed, overrides=overrides
    )
    chosen = find_method(method)
    name = chosen.name or "mine"
    tables = for_other_data(read(find(str(recipe))))
    tables["methods"] = [{"name": name, "settings": dict(settings or {})}]
    resolved = resolve(tables, Options(steps=steps, overrides=overrides).recipe_lines)
    if not chosen.trained:
        raise UserError(f"method {name!r} is a control, which is not trained; name another method")
    own = {source.name: source}
    resolved, _ = with_format(resolved, lambda: [*load_images(own, resolved, None, own).values()], "cpu")
    images = load_images(own, resolved, None, own)[source.name]
    entry = resolved.methods[0]
    run = Run(entry, declared(chosen, entry.settings), images.name, seed, text=method_text(method))
    check_run(run, resolved, images)
    return run, resolved, images
