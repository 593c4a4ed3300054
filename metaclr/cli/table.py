"""`metaclr table FOLDERS...`: print a table of one comparison, or of several, as text, Markdown, LaTeX, CSV or HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click


@click.command(name="table", short_help="Print a table of one comparison or of several.")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--name",
    default="main",
    show_default=True,
    help="Print this table: main, few_shot, probes, low_label, transfer, ..., or all.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "md", "tex", "csv", "html"]),
    default="text",
    show_default=True,
    help="Print in this format.",
)
@click.option("--methods", help="Show these methods, comma-separated, in this order [all].")
@click.option(
    "--columns",
    help="Show the columns that have these words, comma-separated, in this order: '5-way 1-shot, digits kNN' [all].",
)
@click.option(
    "--rename",
    "renames",
    multiple=True,
    metavar="OLD=NEW",
    help="Rename a method, source or target; FOLDER:OLD=NEW in one folder only; may be repeated.",
)
@click.option("--decimals", type=click.IntRange(0, 4), help="Print this many digits after the point [1, or 2].")
@click.option("--caption", default="", help="Use this caption [the table's own].")
@click.option("--label", default="", metavar="NAME", help="Use this LaTeX label [tab:NAME].")
@click.option(
    "--notes",
    type=click.Choice(["short", "full", "none"]),
    default="full",
    show_default=True,
    help="Print all notes, only those without which a number could be misread, or none.",
)
@click.option(
    "--two-column", is_flag=True, help="Lay LaTeX out for the page of a two-column article, with more columns."
)
@click.option(
    "--published",
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="Add figures of papers, set apart and in no test; columns method, cite, column, value, ci95.",
)
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="KEY",
    help="Merge folders that differ in this setting, such as train.steps, which a note names; may be repeated.",
)
@click.option("--reference", help="Compute paired differences from this method [untrained].")
def command(
    folders: tuple[Path, ...],
    name: str,
    kind: str,
    methods: str | None,
    columns: str | None,
    renames: tuple[str, ...],
    decimals: int | None,
    caption: str,
    label: str,
    notes: Literal["short", "full", "none"],
    two_column: bool,
    published: Path | None,
    allowed: tuple[str, ...],
    reference: str | None,
) -> None:
    """Print a table of the comparisons in FOLDERS; several are merged, if they were run under one protocol.

    What differs between them is refused by name. A method that two folders measured alike is taken once, and one with
    other seeds adds its seeds.
    """
    from metaclr.api.tabulating import tables_of
    from metaclr.errors import unknown
    from metaclr.recipe import split_list
    from metaclr.results.tables.formats import to_csv, to_html, to_markdown
    from metaclr.results.tables.latex import to_latex
    from metaclr.results.tables.presentation import presented
    from metaclr.results.tables.terminal import print_table

    tables = tables_of(
        folders,
        methods=split_list(methods) if methods else (),
        columns=split_list(columns) if columns else (),
        renames=renames,
        allowed=allowed,
        published=published,
        reference=reference,
    )
    if name not in (*tables, "all"):
        raise unknown("table", name, (*tables, "all"))
    chosen = list(tables.values()) if name == "all" else [tables[name]]
    shown = [presented(t, decimals=decimals, caption=caption, label=label, notes=notes) for t in chosen]
    if kind == "text":
        for table in shown:
            print_table(table)
        return
    for table in shown:
        if kind == "tex":
            click.echo(to_latex(table, two_column=two_column), nl=False)
        else:
            click.echo({"md": to_markdown, "csv": to_csv, "html": to_html}[kind](table), nl=False)
