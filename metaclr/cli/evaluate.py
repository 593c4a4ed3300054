"""`metaclr evaluate ENCODER...`: encoders trained anywhere, on the same episodes, with the same statistics."""

from __future__ import annotations

from pathlib import Path

import click

from metaclr.cli._options import data_root_option, device_option, set_option


@click.command(name="evaluate")
@click.argument("encoders", nargs=-1, required=True)
@click.option("--target", "targets", multiple=True, help="Data to judge on [glyphs:held-out, digits].")
@click.option("--size", type=int, default=28, show_default=True, help="Pixels of either side that the encoders take.")
@click.option("--channels", type=click.Choice(["1", "3"]), default="1", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("results/evaluation"), show_default=True)
@device_option
@data_root_option
@set_option
def command(
    encoders: tuple[str, ...],
    targets: tuple[str, ...],
    size: int,
    channels: str,
    out: Path,
    device: str,
    data_root: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Judge ENCODERS: FILE.py:FUNCTION returning a torch.nn.Module, or the folder of a `metaclr train`."""
    from metaclr.api import evaluate
    from metaclr.api.encoders import find_encoder
    from metaclr.results.tables.terminal import print_main_table

    found = {name: find_encoder(name, channels=int(channels), size=size) for name in encoders}
    named = {Path(name).name.replace(".py:", ":"): module for name, module in found.items()}
    result = evaluate(
        named,
        targets or ("glyphs:held-out", "digits"),
        size=size,
        channels=int(channels),
        out=out,
        device=device,
        data_root=data_root,
        overrides=overrides,
    )
    print_main_table(result.folder)
    click.echo(f"\nreport   {result.report}")
