"""Results in the repository hold what their tables need, and today's code makes the stored numbers of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaclr.comparison.folders.stored_results import check_per_item
from metaclr.results.store.folder import load
from metaclr.results.tables.all_tables import build_tables
from metaclr.results.tables.formats import to_csv

REFERENCE = Path(__file__).parents[3] / "results" / "reference"
FOLDERS = sorted(path.parent for path in REFERENCE.glob("*/rows.csv"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_folder_has_the_results_of_every_item(folder: Path) -> None:
    check_per_item(folder)  # what `metaclr report` needs; without it tests and bold entries would be lost
    assert (folder / "tables" / "main.csv").is_file()


def test_rendering_again_keeps_the_tables() -> None:
    folder = REFERENCE / "omniglot-maml"  # the one with the least to compute
    for table in build_tables(load(folder)):
        stored = folder / "tables" / table.name
        assert to_csv(table) == stored.with_suffix(".csv").read_text(encoding="utf-8"), table.name
