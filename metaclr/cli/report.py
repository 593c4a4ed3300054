"""`metaclr report FOLDER`: write tables, figures and report.html again from the folder's rows."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="report", short_help="Write tables, figures and report again.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--reference", help="Compute paired differences from this method [untrained].")
def command(folder: Path, reference: str | None) -> None:
    """Write tables/, figures/ and report.html of the comparison in FOLDER again, without training.

    Refuses a folder without per-item results: its tables would lose their tests and their bold entries.
    """
    from metaclr.comparison.owner import owned
    from metaclr.comparison.stored_results import check_per_item
    from metaclr.results import write_all

    check_per_item(folder)
    with owned(folder):
        write_all(folder, reference=reference)
    click.echo(f"report   {folder / 'report.html'}")
