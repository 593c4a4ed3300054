"""One method on one source, checked and ready to train: for `metaclr.train`, and for training loops of others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.api.options import Options
from metaclr.errors import UserError

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.comparison.runs.run import Run
    from metaclr.methods import Method
    from metaclr.recipe import CompareRecipe


def single_run(
    method: str | Method,
    source: str | ImageSet,
    *,
    recipe: str | Path,
    settings: Mapping[str, Any] | None,
    seed: int,
    options: Options,
    device_type: str,
) -> tuple[Run, CompareRecipe, ImageSet, tuple[str, ...]]:
    """The run, its recipe, the images in the recipe's format, and notes on what was chosen for them.

    Args:
        method, source, recipe, settings, seed: as in `metaclr.train`.
        options: `steps`, `start`, `log`, `overrides` and `data_root` of it.

    Raises:
        UserError, EpisodeError: an unknown method or setting, a control, or a source that the method cannot train on.
    """
    from metaclr.comparison.labels.positives_setting import declared
    from metaclr.comparison.planning.checks import check_recipe, check_run
    from metaclr.comparison.planning.load import load_images
    from metaclr.comparison.runs.naming import entry_with_positives
    from metaclr.comparison.runs.run import Run
    from metaclr.comparison.runs.training import task_notes
    from metaclr.comparison.settings.image_format import with_format
    from metaclr.comparison.settings.method_files import find_method, method_text
    from metaclr.recipe import CONTROLS, find, for_other_data, read, resolve

    chosen = find_method(method)
    name = chosen.name or "mine"
    tables = read(find(str(recipe)))
    if not (isinstance(source, str) and source in tables.get("sources", ())):
        tables = for_other_data(tables)
    tables["methods"] = [{"name": name, "settings": dict(settings or {})}]
    resolved = resolve(tables, options.recipe_lines)
    check_recipe(resolved)
    if name in CONTROLS or not chosen.trained:
        raise UserError(f"method {name!r} is a control, which is not trained; name another method")
    given, own = (source, {}) if isinstance(source, str) else (source.name, {source.name: source})
    root = Path(options.data_root) if options.data_root else None
    resolved, lines = with_format(resolved, lambda: [*load_images([given], resolved, root, own).values()], device_type)
    images = load_images([given], resolved, root, own)[given]
    entry = entry_with_positives(resolved.methods[0], resolved.positives)
    run = Run(entry, declared(chosen, entry.settings), images.name, seed, text=method_text(method))
    check_run(run, resolved, images)
    return run, resolved, images, (*lines, *task_notes([run], resolved, {images.name: images}))
