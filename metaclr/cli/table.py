"""`metaclr table FOLDER`: print one table of a comparison as text, Markdown, LaTeX, CSV or HTML."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="table", short_help="Print a table of a comparison.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--name",
    default="main",
    show_default=True,
    help="Print this table: main, few_shot, probes, low_label, transfer, ...",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "md", "tex", "csv", "html"]),
    default="text",
    show_default=True,
    help="Print in this format.",
)
@click.option("--reference", help="Compute paired differences from this method [untrained].")
def command(folder: Path, name: str, kind: str, reference: str | None) -> None:
    """Print a table of the comparison in FOLDER."""
    from metaclr.errors import unknown
    from metaclr.results.store.folder import load
    from metaclr.results.tables.all_tables import build_tables
    from metaclr.results.tables.formats import to_csv, to_html, to_markdown
    from metaclr.results.tables.latex import to_latex
    from metaclr.results.tables.terminal import print_table

    tables = {table.name: table for table in build_tables(load(folder), reference=reference)}
    if name not in tables:
        raise unknown("table", name, tables)
    if kind == "text":
        print_table(tables[name])
        return
    write = {"md": to_markdown, "tex": to_latex, "csv": to_csv, "html": to_html}[kind]
    click.echo(write(tables[name]), nl=False)
