"""`metaclr train METHOD`: train one method on one source and save its encoder."""

from __future__ import annotations

from pathlib import Path

import click

from metaclr.cli._comparison import terminable
from metaclr.cli._options import data_root_option, device_option, log_option, set_option


@click.command(name="train", short_help="Train one method.")
@click.argument("method")
@click.option("--source", default="glyphs:source", show_default=True, help="Train on this data set, NAME[:PART].")
@click.option("--recipe", default="glyphs", show_default=True, help="Take encoder, views and budget from this recipe.")
@click.option("--steps", type=int, help="Train for this many optimizer steps [train.steps of the recipe].")
@click.option(
    "--from",
    "start",
    metavar="RUN|FILE",
    help="Start from these weights: a run, whose network is taken too, or a file of weights [random ones by the seed].",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Initialize and sample with this seed.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write checkpoint, curve and encoder to this folder [results/train-METHOD].",
)
@log_option
@device_option
@data_root_option
@set_option
def command(
    method: str,
    source: str,
    recipe: str,
    steps: int | None,
    start: str | None,
    seed: int,
    out: Path | None,
    log: tuple[str, ...],
    device: str,
    data_root: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Train METHOD (a name, or a .py file that defines METHOD); the same command resumes an interrupted training.

    More --steps on the same folder train on from where it ended. --from starts a new training from other weights.
    """
    from metaclr.api import train
    from metaclr.console import is_main_process
    from metaclr.networks.allocator import keep_freed_memory

    keep_freed_memory()  # only a program may do this: it trains faster on a CPU
    folder = out or Path("results") / f"train-{Path(method).stem}"
    with terminable():
        train(
            method,
            source,
            recipe=recipe,
            steps=steps,
            start=start,
            seed=seed,
            out=folder,
            log=log,
            device=device,
            data_root=data_root,
            overrides=overrides,
        )
    if is_main_process():
        click.echo(f"encoder   {folder / 'encoder.safetensors'}   (evaluate it: metaclr evaluate {folder})")
