"""`metaclr embed RUN DATA --out FILE`: features of every image, with file names and classes."""

from __future__ import annotations

from pathlib import Path

import click

from metaclr.cli._options import data_root_option, device_option


@click.command(name="embed", short_help="Write the features of images to a file.")
@click.argument("run")
@click.argument("data")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Write features, files, classes and parts to this file: .npz or .parquet.",
)
@device_option
@data_root_option
def command(run: str, data: str, out: Path, device: str, data_root: Path | None) -> None:
    """Compute the features of DATA (NAME[:PART], a folder, or a file of images) by the encoder of RUN.

    An .npz has features (M, F) float32, files, labels (-1 without), class_names and parts; a .parquet has one row an
    image with the columns file, class, part, f0, f1, ...
    """
    from metaclr.api.embedding import write_embeddings
    from metaclr.api.loading import load
    from metaclr.data import load as load_images

    encoder = load(run, device=device)
    images = load_images(data, data_root, size=encoder.size, channels=encoder.channels)
    shape = write_embeddings(encoder, images, out)
    click.echo(f"{out}   {shape[0]:,} images, {shape[1]:,} features")
