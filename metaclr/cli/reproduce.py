"""`metaclr reproduce NAME`: a published table beside ours, by a shipped recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metaclr.cli._comparison import terminable
from metaclr.cli._options import data_root_option, device_option

if TYPE_CHECKING:
    from metaclr.results.published.comparison import ComparedCell


@click.command(name="reproduce", short_help="Put published tables beside ours.")
@click.argument("name", required=False)
@click.option(
    "--budget",
    type=click.Choice(["full", "hour", "smoke"]),
    default="hour",
    show_default=True,
    help="Train as published, for about an hour on two CPU cores, or every part in a minute without meaning.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write the results to this folder [results/reproduce-NAME-BUDGET]."
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Train this many runs at once.")
@device_option
@data_root_option
def command(name: str | None, budget: str, out: Path | None, jobs: int, device: str, data_root: Path | None) -> None:
    """Run the shipped recipe of the published table NAME, and print ours beside theirs, cell by cell.

    Without NAME: list the tables. Finished runs are kept, and interrupted ones resume when the same command runs again.
    """
    from metaclr.recipe.reproductions import get_reproduction, reproduction_names

    if name is None:
        for one in reproduction_names():
            click.echo(f"{one:26} {get_reproduction(one).description}")
        return
    from metaclr.api import reproduce
    from metaclr.networks.allocator import keep_freed_memory

    keep_freed_memory()
    with terminable():
        result = reproduce(name, budget, out=out, jobs=jobs, device=device, data_root=data_root)
    _print(result.cells, result.notes)
    click.echo(f"\npublished.md       {result.folder / 'published.md'}")
    click.echo(f"report.html        {result.folder / 'report.html'}")
    for run, reason in result.failures.items():
        click.echo(f"failed             {run}: {reason}")
    if result.failures:
        raise SystemExit(1)


def _print(cells: Sequence[ComparedCell], notes: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    from metaclr.results.published.table import HEADINGS, table_lines

    table = Table(*HEADINGS, box=None, pad_edge=False)
    for line in table_lines(cells):
        table.add_row(*line)
    console = Console()
    if cells:
        console.print(table)
        click.echo("")
    for note in notes:
        click.echo(note)
