"""`metaclr diagnose RUN...`: the geometry of encoders: numbers, figures and a page."""

from __future__ import annotations

from pathlib import Path

import click

from metaclr.cli._options import data_root_option, device_option


@click.command(name="diagnose", short_help="Measure why an encoder transfers, or does not.")
@click.argument("runs", nargs=-1, required=True)
@click.option(
    "--data",
    help="Embed these images, NAME[:PART] or a path [the first target of the first run, or glyphs:held-out].",
)
@click.option(
    "--layers",
    default="features",
    show_default=True,
    help="Measure these layers, comma-separated: features, projected (the embeddings that the loss compared).",
)
@click.option("--views", help="Draw views by this recipe [that of the first run, or one for the channels].")
@click.option("--n-views", type=click.IntRange(min=2), default=8, show_default=True, help="Draw this many views.")
@click.option(
    "--size",
    type=click.IntRange(min=4),
    help="Give encoders from elsewhere images with this many pixels on either side [each one's own, else 28].",
)
@click.option(
    "--channels",
    type=click.Choice(["1", "3"]),
    help="Give encoders from elsewhere images with this many channels [each one's own, else 1].",
)
@click.option(
    "--arch",
    default="",
    metavar="NAME",
    help="Load files of weights into this network: resnet18, timm:NAME, torchvision:NAME, ...",
)
@click.option(
    "--pretrained/--no-pretrained", default=True, show_default=True, help="Load timm's weights, or take random ones."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("results/diagnosis"),
    show_default=True,
    help="Write tables, figures and diagnosis.html to this folder.",
)
@device_option
@data_root_option
def command(
    runs: tuple[str, ...],
    data: str | None,
    layers: str,
    views: str | None,
    n_views: int,
    size: int | None,
    channels: str | None,
    arch: str,
    pretrained: bool,
    out: Path,
    device: str,
    data_root: Path | None,
) -> None:
    """Measure the geometry of encoders on the same images and views.

    A RUN is the folder of a run, of a whole comparison (all its encoders) or of a `metaclr train`, an
    encoder.safetensors, timm:NAME or hub:OWNER/NAME with their pretrained weights (needs metaclr[timm]),
    open_clip:NAME/TAG (needs metaclr[open_clip]), FILE.py:FUNCTION, a file of weights with --arch, or
    embeddings: an .npz of `metaclr embed` or an .npy (M, D).
    Numbers: alignment, uniformity, tolerance, RankMe, LiDAR, collapsed dimensions, hubness, overlap of augmentations,
    spread and simplex of classes, neural collapse, collision probability and the bound it gives.
    """
    from metaclr.api.diagnosing import diagnose_runs
    from metaclr.results.diagnosis.table import diagnosis_table
    from metaclr.results.tables.terminal import print_table

    found = diagnose_runs(
        runs,
        data,
        layers=[layer.strip() for layer in layers.split(",")],
        out=out,
        views=views,
        n_views=n_views,
        channels=int(channels) if channels else None,
        size=size,
        arch=arch,
        pretrained=pretrained,
        device=device,
        data_root=data_root,
        quiet=False,
    )
    print_table(diagnosis_table(found.measured, found.what))
    for what in ("diagnosis.html", "tables/diagnosis.csv", "figures"):
        click.echo(f"{what:22} {out / what}")
