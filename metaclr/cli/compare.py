"""`metaclr compare [RECIPE]`: train and evaluate several methods, write tables and figures."""

from __future__ import annotations

from typing import Any

import click

from metaclr.cli._comparison import comparison_options, print_results, terminable
from metaclr.cli._options import protocol_option


@click.command(name="compare", short_help="Train, evaluate and compare methods.")
@click.argument("recipe", default="glyphs")
@click.option(
    "--methods",
    help="Train these methods: comma-separated names, all (but tabi), or .py files with METHOD [the recipe's methods].",
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    help="Train on this data set, NAME[:PART]; may be repeated [the recipe's sources].",
)
@protocol_option
@click.option(
    "--tune",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Give every method N trials of learning rate, temperature and strength of views, chosen on validation"
    " classes of the source, then train and evaluate once (needs metaclr[tune]).",
)
@click.option(
    "--tune-on", metavar="SET", help="Judge trials on this data set [NAME:val, else a quarter of the classes]."
)
@click.option("--tune-steps", type=click.IntRange(min=1), help="Train each trial for this many steps [train.steps].")
@comparison_options(seeds="the recipe's", out="results/NAME")
def command(
    recipe: str,
    methods: str | None,
    sources: tuple[str, ...],
    protocol: str | None,
    tune: int,
    tune_on: str | None,
    tune_steps: int | None,
    **options: Any,
) -> None:
    """Train several methods under one budget, evaluate them on the same episodes, write tables and figures.

    RECIPE is the name of a shipped recipe (metaclr recipes list) or a TOML file [glyphs, rendered on first
    use]. Finished runs are kept and interrupted ones resume when the same command runs again; a
    run that fails is listed with its reason, and the exit code is 1. Several GPUs: torchrun --nproc-per-node N -m
    metaclr compare ...
    """
    from metaclr.api import compare
    from metaclr.networks.allocator import keep_freed_memory
    from metaclr.recipe import split_list
    from metaclr.results.tables.terminal import print_main_table

    keep_freed_memory()  # only a program may do this: it trains faster on a CPU
    with terminable():
        chosen = split_list(methods) if methods else None
        tuning: dict[str, Any] = {"tune": tune, "tune_on": tune_on, "tune_steps": tune_steps}
        result = compare(recipe, methods=chosen, sources=sources or None, protocol=protocol, **tuning, **options)
    print_results(result, print_main_table, ("report.html", "tables", "rows.csv"))
