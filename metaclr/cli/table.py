"""`metaclr table FOLDER`: one table of a comparison, printed in the format a paper or an issue wants."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="table")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", default="main", show_default=True, help="main, few_shot, probes, low_label, transfer, ...")
@click.option("--format", "kind", type=click.Choice(["text", "md", "tex", "csv", "html"]), default="text")
@click.option("--against", help="Reference method of the paired differences [untrained].")
def command(folder: Path, name: str, kind: str, against: str | None) -> None:
    """Print a table of the comparison in FOLDER."""
    from metaclr.errors import unknown
    from metaclr.results.store.folder import load
    from metaclr.results.tables.all_tables import build_tables
    from metaclr.results.tables.formats import to_csv, to_html, to_markdown
    from metaclr.results.tables.latex import to_latex
    from metaclr.results.tables.terminal import print_table

    tables = {table.name: table for table in build_tables(load(folder), reference=against)}
    if name not in tables:
        raise unknown("table", name, tables)
    if kind == "text":
        print_table(tables[name])
        return
    write = {"md": to_markdown, "tex": to_latex, "csv": to_csv, "html": to_html}[kind]
    click.echo(write(tables[name]), nl=False)
