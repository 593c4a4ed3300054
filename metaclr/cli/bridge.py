"""`metaclr bridge A B`: from one method to another, one axis at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from metaclr.cli._options import data_root_option, device_option, read_seeds, set_option

if TYPE_CHECKING:
    from metaclr.recipe import CompareRecipe
    from metaclr.walk.prepare import Prepared


@click.command(name="bridge")
@click.argument("a")
@click.argument("b")
@click.argument("recipe", default="glyphs")
@click.option("--order", help="Axes to move first, comma-separated; shot+query moves two together.")
@click.option("--both", is_flag=True, help="Walk the axes in the opposite order too: how they interact.")
@click.option("--plan", "plan_only", is_flag=True, help="Print the steps; train nothing.")
@click.option("--source", help="Data to train on, NAME[:PART].")
@click.option("--target", "targets", multiple=True, help="Data to judge on, NAME[:PART]; the first is the table's.")
@click.option("--seeds", help="How many seeds (3), or which (0,7,42) [2].")
@click.option("--steps", type=int, help="Optimiser steps of each training.")
@click.option(
    "--views", "views_mode", type=click.Choice(["shared", "own"]), help="One view recipe for all, or each method's own."
)
@click.option("--quick", is_flag=True, help="Every part of the walk, small; numbers not to be quoted.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the results [results/bridge-A-B].")
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="Cells trained at the same time on this machine.")
@device_option
@data_root_option
@set_option
def command(
    a: str,
    b: str,
    recipe: str,
    order: str | None,
    both: bool,
    plan_only: bool,
    source: str | None,
    targets: tuple[str, ...],
    seeds: str | None,
    steps: int | None,
    views_mode: str | None,
    quick: bool,
    out: Path | None,
    jobs: int,
    device: str,
    data_root: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Walk from method A to method B one axis at a time; say what each axis is worth.

    Every step is a method of its own, trained under the same budget and judged on the same episodes. A and B are
    settings of the nine axes (metaclr methods show A). RECIPE gives data, encoder and budget; without one, `glyphs`.
    The same command on a finished folder redoes nothing, on an unfinished one goes on.
    """
    from metaclr.api.walking import bridge_walk, plan_bridge
    from metaclr.networks.memory import keep_freed_memory

    axes = order.split(",") if order else ()
    asked = {
        "order": axes, "both": both, "source": source, "targets": targets or None, "seeds": read_seeds(seeds),
        "steps": steps, "views_mode": views_mode, "quick": quick, "data_root": data_root, "overrides": overrides,
    }  # fmt: skip
    if plan_only:
        prepared, resolved, _ = plan_bridge(a, b, recipe, **asked)  # type: ignore[arg-type]
        _print_plan(prepared, resolved)
        return
    keep_freed_memory()  # a program may: it trains faster on a CPU
    result = bridge_walk(a, b, recipe, **asked, out=out, jobs=jobs, device=device)  # type: ignore[arg-type]
    _print_result(result.folder)
    for run, reason in result.failures.items():
        click.echo(f"failed       {run}: {reason}")
    if result.failures:
        raise SystemExit(1)


def _print_plan(prepared: Prepared, recipe: CompareRecipe) -> None:
    from metaclr.results.terminal import print_table
    from metaclr.walk.show import plan_table

    print_table(plan_table(prepared, recipe))


def _print_result(folder: Path) -> None:
    from metaclr.results.folder import load
    from metaclr.results.summary import summarise
    from metaclr.results.terminal import print_table
    from metaclr.results.walk_table import walk_headlines, walk_tables

    results = load(folder)
    summary = summarise(results)
    for table in walk_tables(results, summary):
        if table.name != "bridge_worth":
            print_table(table)
            click.echo("")
    for line in walk_headlines(results, summary):
        click.echo(line)
    for what in ("report.html", "tables/bridge.md", "figures/bridge.png", "rows.csv"):
        click.echo(f"{what:18} {folder / what}")
