"""`metaclr bridge A B`: from one method to another, one axis at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metaclr.cli._comparison import comparison_options, tell

if TYPE_CHECKING:
    from metaclr.recipe import CompareRecipe
    from metaclr.walk.prepare import WalkPlan


@click.command(name="bridge")
@click.argument("a")
@click.argument("b")
@click.argument("recipe", default="glyphs")
@click.option("--order", help="Axes to move first, comma-separated; shot+query moves two together.")
@click.option("--both-orders", is_flag=True, help="Walk the axes in the opposite order too: how they interact.")
@click.option("--dry-run", "plan_only", is_flag=True, help="Print the steps; train nothing.")
@click.option("--source", help="Data to train on, NAME[:PART].")
@comparison_options(seeds="2", out="results/bridge-A-B")
def command(a: str, b: str, recipe: str, order: str | None, plan_only: bool, **asked: Any) -> None:
    """Walk from method A to method B one axis at a time; say what each axis is worth.

    Every step is a method of its own, trained under the same budget and judged on the same episodes. A and B are
    settings of the nine axes (metaclr methods show A). RECIPE gives data, encoder and budget; without one, `glyphs`.
    The tables are of the first target. The same command on a finished folder redoes nothing, on an unfinished one
    goes on. Several GPUs: torchrun --nproc-per-node N -m metaclr bridge A B ...
    """
    from metaclr.api.walking import bridge_walk, plan_bridge
    from metaclr.networks.allocator import keep_freed_memory

    axes = order.split(",") if order else ()
    if plan_only:
        what = {name: value for name, value in asked.items() if name not in ("out", "jobs", "ray", "device")}
        prepared, resolved, _ = plan_bridge(a, b, recipe, order=axes, **what)
        _print_plan(prepared, resolved)
        return
    keep_freed_memory()  # a program may: it trains faster on a CPU
    result = bridge_walk(a, b, recipe, order=axes, **asked)
    tell(result, _print_tables, ("report.html", "tables/bridge.md", "figures/bridge.png", "rows.csv"))


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
