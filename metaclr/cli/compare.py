"""`metaclr compare`: the main job, from a recipe or none to the tables of a paper."""

from __future__ import annotations

from typing import Any

import click

from metaclr.cli._comparison import comparison_options, tell


@click.command(name="compare")
@click.argument("recipe", default="glyphs")
@click.option("--methods", help="Comma-separated names, or .py files that define METHOD. See: metaclr methods.")
@click.option("--source", "sources", multiple=True, help="Data to train on, NAME[:PART]; may be repeated.")
@comparison_options(seeds="the recipe's", out="results/NAME")
def command(recipe: str, methods: str | None, sources: tuple[str, ...], **asked: Any) -> None:
    """Train several methods alike, judge them on the same episodes, write tables and figures.

    RECIPE is the name of a shipped recipe (metaclr recipes list) or a TOML file; without one, `glyphs`:
    data that is rendered on the spot. The same command on a finished folder redoes nothing, on an
    unfinished one goes on. Several GPUs: torchrun --nproc-per-node N -m metaclr compare ...
    """
    from metaclr.api import compare
    from metaclr.networks.allocator import keep_freed_memory
    from metaclr.recipe import split_list
    from metaclr.results.tables.terminal import print_main_table

    keep_freed_memory()  # a program may: it trains faster on a CPU
    result = compare(recipe, methods=split_list(methods) if methods else None, sources=sources or None, **asked)
    tell(result, print_main_table, ("report.html", "tables", "rows.csv"))
