"""Tables of one comparison, or of several that were run under one protocol."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metaclr.results.tables.layout import Table


def tables_of(
    folders: Sequence[Path],
    *,
    methods: Sequence[str] = (),
    columns: Sequence[str] = (),
    renames: Sequence[str] = (),
    allowed: Sequence[str] = (),
    published: Path | None = None,
    reference: str | None = None,
) -> dict[str, Table]:
    """The tables of the comparisons in `folders`, by name.

    Args:
        methods: those to show, in their order, by old or new names; default all.
        columns: words of those to show, see `build_tables`. published: a CSV file, see `read_published`.
        renames: "OLD=NEW" for methods, sources and targets, or "FOLDER:OLD=NEW" for one folder.
        allowed: settings that may differ between the folders, such as "train.steps"; a note names their values.
        reference: the method that paired differences are against.

    Raises:
        UserError: no such folder, method or column; folders with different protocols (names what differs).
    """
    from metaclr.results.merge.choice import only_methods
    from metaclr.results.merge.merged import merged
    from metaclr.results.merge.renaming import read_renames, renamed
    from metaclr.results.store.folder import load
    from metaclr.results.tables.all_tables import build_tables

    loaded = {str(folder): load(folder) for folder in folders}
    names = read_renames(renames, loaded)
    results = merged({folder: renamed(one, names[folder]) for folder, one in loaded.items()}, allowed)
    new = {old: to for of_folder in names.values() for old, to in of_folder.items()}
    if methods:
        results = only_methods(results, [m if m in results.methods else new.get(m, m) for m in methods])
    base = reference if reference is None or reference in results.methods else new.get(reference, reference)
    return {t.name: t for t in build_tables(results, reference=base, columns=columns, published=published)}
