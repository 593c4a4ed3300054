"""`metaclr report FOLDER`: write tables, figures and the page anew from the rows that are there."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="report")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--against", help="Reference method of the paired differences [untrained].")
def command(folder: Path, against: str | None) -> None:
    """Rebuild tables/, figures/ and report.html of the comparison in FOLDER; nothing is trained."""
    from metaclr.results import write_all

    write_all(folder, reference=against)
    click.echo(f"report   {folder / 'report.html'}")
