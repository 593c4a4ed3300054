"""`metaclr compare`: the main job, from a recipe or none to the tables of a paper."""

from __future__ import annotations

from pathlib import Path

import click

from metaclr.cli._options import data_root_option, device_option, read_seeds, set_option


@click.command(name="compare")
@click.argument("recipe", default="glyphs")
@click.option("--methods", help="Comma-separated names, or .py files that define METHOD. See: metaclr methods.")
@click.option("--source", "sources", multiple=True, help="Data to train on, NAME[:PART]; may be repeated.")
@click.option("--target", "targets", multiple=True, help="Data to judge on, NAME[:PART]; may be repeated.")
@click.option("--seeds", help="How many seeds (3), or which (0,7,42).")
@click.option("--steps", type=int, help="Optimiser steps of each training.")
@click.option(
    "--views", "views_mode", type=click.Choice(["shared", "own"]), help="One view recipe for all, or each method's own."
)
@click.option(
    "--quick", is_flag=True, help="Every part of the pipeline, small: under a minute, numbers not to be quoted."
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the results [results/NAME].")
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="Cells trained at the same time on this machine.")
@click.option("--ray", metavar="local|ADDRESS", help="Spread the cells over a Ray cluster (extra metaclr[ray]).")
@device_option
@data_root_option
@set_option
def command(
    recipe: str,
    methods: str | None,
    sources: tuple[str, ...],
    targets: tuple[str, ...],
    seeds: str | None,
    steps: int | None,
    views_mode: str | None,
    quick: bool,
    out: Path | None,
    jobs: int,
    ray: str | None,
    device: str,
    data_root: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Train several methods alike, judge them on the same episodes, write tables and figures.

    RECIPE is the name of a shipped recipe (metaclr recipes list) or a TOML file; without one, `glyphs`:
    data that is rendered on the spot. The same command on a finished folder redoes nothing, on an
    unfinished one goes on. Several GPUs: torchrun --nproc-per-node N -m metaclr compare ...
    """
    from metaclr.api import compare
    from metaclr.console import speaks
    from metaclr.networks.memory import keep_freed_memory
    from metaclr.results.terminal import print_main_table

    keep_freed_memory()  # a program may: it trains faster on a CPU
    result = compare(
        recipe,
        methods=methods.split(",") if methods else None,
        sources=sources or None,
        targets=targets or None,
        seeds=read_seeds(seeds),
        steps=steps,
        views_mode=views_mode,
        quick=quick,
        out=out,
        jobs=jobs,
        ray=ray,
        device=device,
        data_root=data_root,
        overrides=overrides,
    )
    if speaks():
        print_main_table(result.folder)
        for what in ("report.html", "tables", "rows.csv"):
            click.echo(f"{what:12} {result.folder / what}")
        for run, reason in result.failures.items():
            click.echo(f"failed       {run}: {reason}")
    if result.failures:
        raise SystemExit(1)
