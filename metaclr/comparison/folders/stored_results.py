"""Checks of stored results before tables are written again from them."""

from __future__ import annotations

from pathlib import Path

from metaclr.errors import UserError
from metaclr.results.store.folder import load


def check_per_item(folder: Path) -> None:
    """Check that every run of a folder with tables has its per-item results.

    A table that is written again without them loses its tests and bold entries, and the stored one could not be
    restored.

    Raises:
        UserError: runs without per-item results (their number and the first file).
    """
    if not (folder / "tables").is_dir():
        return
    results = load(folder)
    has_items = {row.run for row in results.rows if row.id in results.items}
    missing = sorted({row.run for row in results.rows} - has_items)
    if missing:
        raise UserError(
            f"{folder}: no per-item results of {len(missing)} runs (per_item/{missing[0]}.npz ...), without which the "
            "tables would lose their tests; nothing was changed. Run the comparison again, or print one table with: "
            "metaclr table"
        )
