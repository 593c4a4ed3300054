"""`metaclr bridge A B`: from one method to another, one axis at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metaclr.cli._comparison import comparison_options, print_results, terminable

if TYPE_CHECKING:
    from metaclr.recipe import CompareRecipe
    from metaclr.walk.prepare import WalkPlan


@click.command(name="bridge", short_help="Walk from one method to another, an axis at a time.")
@click.argument("a")
@click.argument("b")
@click.argument("recipe", default="glyphs")
@click.option("--order", help="Change these axes first, comma-separated; shot+query changes two together.")
@click.option(
    "--both-orders", is_flag=True, help="Walk the axes in the opposite order too, which shows how they interact."
)
@click.option("--dry-run", is_flag=True, help="Print the steps; train nothing.")
@click.option("--source", help="Train on this data set, NAME[:PART] [the recipe's source].")
@comparison_options(seeds="2", out="results/bridge-A-B")
def command(a: str, b: str, recipe: str, order: str | None, dry_run: bool, **options: Any) -> None:
    """Walk from method A to method B one axis at a time and measure the effect of each axis.

    Every step is a separate method, trained under the same budget and evaluated on the same episodes. A and B are
    settings of the nine axes (metaclr methods show A). RECIPE gives data, encoder and budget [glyphs]. The tables are
    of the first target. Finished runs are kept and interrupted ones resume when the same command runs again. Several
    GPUs: torchrun --nproc-per-node N -m metaclr bridge A B ...
    """
    from metaclr.api.walking import bridge_walk, plan_bridge
    from metaclr.networks.allocator import keep_freed_memory

    axes = order.split(",") if order else ()
    if dry_run:
        prepared, resolved, _ = plan_bridge(a, b, recipe, order=axes, **options)
        _print_plan(prepared, resolved)
        return
    keep_freed_memory()  # only a program may do this: it trains faster on a CPU
    with terminable():
        result = bridge_walk(a, b, recipe, order=axes, **options)
    print_results(result, _print_tables, ("report.html", "tables/bridge.md", "figures/bridge.png", "rows.csv"))


def _print_plan(prepared: WalkPlan, recipe: CompareRecipe) -> None:
    from metaclr.console import is_main_process
    from metaclr.results.tables.terminal import print_table
    from metaclr.walk.plan_table import plan_table

    if is_main_process():
        print_table(plan_table(prepared, recipe))


def _print_tables(folder: Path) -> None:
    from metaclr.results.scores.summary import summarise
    from metaclr.results.store.folder import load
    from metaclr.results.tables.terminal import print_table
    from metaclr.results.tables.walk import walk_headlines, walk_tables

    results = load(folder)
    summary = summarise(results)
    for table in walk_tables(results, summary):
        if table.name != "bridge_effects":
            print_table(table)
            click.echo("")
    for line in walk_headlines(results, summary):
        click.echo(line)
