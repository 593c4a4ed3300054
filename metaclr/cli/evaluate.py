"""`metaclr evaluate ENCODER...`: evaluate encoders trained anywhere on the same stored episodes."""

from __future__ import annotations

from pathlib import Path

import click

from metaclr.cli._options import data_root_option, device_option, set_option


@click.command(name="evaluate", short_help="Evaluate your own encoders.")
@click.argument("encoders", nargs=-1, required=True)
@click.option(
    "--target", "targets", multiple=True, help="Evaluate on this data set; may be repeated [glyphs:held-out, digits]."
)
@click.option(
    "--size",
    type=int,
    default=28,
    show_default=True,
    help="Give the encoders images with this many pixels on either side.",
)
@click.option(
    "--channels",
    type=click.Choice(["1", "3"]),
    default="1",
    show_default=True,
    help="Give the encoders images with this many channels.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("results/evaluation"),
    show_default=True,
    help="Write the results to this folder.",
)
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
    """Evaluate ENCODERS: FILE.py:FUNCTION that returns a torch.nn.Module, or the folder of a `metaclr train`."""
    from metaclr.api import evaluate
    from metaclr.api.encoders import find_encoder
    from metaclr.errors import UserError
    from metaclr.results.tables.terminal import print_main_table

    labels = [Path(name).name.replace(".py:", ":") for name in encoders]
    # Encoders of one name, such as runs/a/best and runs/b/best, get their folders' names too.
    labels = [
        label if labels.count(label) == 1 else f"{Path(name).parent.name or '.'}/{label}"
        for name, label in zip(encoders, labels, strict=True)
    ]
    if len(set(labels)) < len(labels):
        raise UserError(f"encoders {', '.join(encoders)}: two have the same name and folder; name each one once")
    modules = [find_encoder(name, channels=int(channels), size=size) for name in encoders]
    result = evaluate(
        dict(zip(labels, modules, strict=True)),
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
