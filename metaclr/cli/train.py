"""`metaclr train METHOD`: one method on one source, to an encoder that can be used or judged elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from metaclr.cli._options import data_root_option, device_option, set_option


@click.command(name="train")
@click.argument("method")
@click.option("--source", default="glyphs:source", show_default=True, help="Data to train on, NAME[:PART].")
@click.option("--recipe", default="glyphs", show_default=True, help="Where encoder, views and budget come from.")
@click.option("--steps", type=int, help="Optimizer steps.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run [results/train-METHOD].")
@device_option
@data_root_option
@set_option
def command(
    method: str,
    source: str,
    recipe: str,
    steps: int | None,
    seed: int,
    out: Path | None,
    device: str,
    data_root: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Train METHOD (a name, or a .py file that defines METHOD). The same command goes on where it was cut off."""
    from metaclr.api import train
    from metaclr.console import is_main_process
    from metaclr.networks.allocator import keep_freed_memory

    keep_freed_memory()  # a program may: it trains faster on a CPU
    folder = out or Path("results") / f"train-{Path(method).stem}"
    train(
        method,
        source,
        recipe=recipe,
        steps=steps,
        seed=seed,
        out=folder,
        device=device,
        data_root=data_root,
        overrides=overrides,
    )
    if is_main_process():
        click.echo(f"encoder   {folder / 'encoder.safetensors'}   (judge it: metaclr evaluate {folder})")
