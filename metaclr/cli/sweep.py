"""`metaclr sweep KEY=VALUES ...`: train over a grid, and plot accuracy and geometry against it."""

from __future__ import annotations

from typing import Any

import click

from metaclr.cli._comparison import comparison_options, print_results, terminable


@click.command(name="sweep", short_help="Train over a grid of values and plot accuracy and geometry.")
@click.argument("arguments", metavar="[RECIPE] [KEY=VALUES]...", nargs=-1, required=True)
@click.option("--methods", help="Sweep these methods, comma-separated [simclr, or those of a study].")
@click.option(
    "--source",
    "sources",
    multiple=True,
    help="Train on this data set, NAME[:PART]; may be repeated [the recipe's sources].",
)
@comparison_options(seeds="the recipe's", out="results/sweep-KEYS")
def command(arguments: tuple[str, ...], methods: str | None, sources: tuple[str, ...], **options: Any) -> None:
    """Train every method with every combination of VALUES, and plot accuracy, uniformity, tolerance and rank.

    A KEY is a setting of the methods (temperature, way, shot, query, negatives.size), depth or projector, views,
    views.FIELD or crop, batch, train.KEY, encoder.KEY, label_share or label_noise; VALUES are comma-separated. RECIPE
    gives data, encoder and budget [glyphs]; without a KEY it is a study, such as study_temperature (metaclr recipes
    list). The same command resumes, and more values add runs.
    """
    from metaclr.api.sweeping import sweep
    from metaclr.errors import UserError
    from metaclr.networks.allocator import keep_freed_memory
    from metaclr.recipe import split_list
    from metaclr.recipe.method_settings import read_values
    from metaclr.results.tables.terminal import print_main_table

    recipes = [one for one in arguments if "=" not in one]
    if len(recipes) > 1:
        raise UserError(f"sweep takes one recipe, and keys as KEY=VALUES; got {' and '.join(map(repr, recipes))}")
    grid = {}
    for one in arguments:
        key, equals, text = one.partition("=")
        if equals:
            if key in grid:
                raise UserError(f"sweep names {key!r} twice; list all its values in one, {key}=1,2,3")
            grid[key] = read_values(text)
    keep_freed_memory()  # only a program may do this: it trains faster on a CPU
    with terminable():
        result = sweep(
            grid or None,
            *recipes,
            methods=split_list(methods) if methods else None,
            sources=sources or None,
            **options,
        )
    print_results(result, print_main_table, ("report.html", "tables/geometry.md", "figures", "rows.csv"))
