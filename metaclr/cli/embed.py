"""`metaclr embed RUN DATA --out FILE`: features of every image, with file names and classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from metaclr.cli._encoder import encoder_options, open_encoder
from metaclr.cli._options import data_root_option


@click.command(name="embed", short_help="Write the features of images to a file.")
@click.argument("run")
@click.argument("data")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Write features, files, classes and parts to this file: .npz or .parquet.",
)
@encoder_options
@data_root_option
def command(run: str, data: str, out: Path, data_root: Path | None, **options: Any) -> None:
    """Compute the features of DATA (NAME[:PART], a folder, or a file of images) by the encoder of RUN.

    RUN is named as for `metaclr predict`.

    An .npz has features (M, F) float32, files, labels (-1 without), class_names and parts; a .parquet has one row an
    image with the columns file, class, part, f0, f1, ...
    """
    from metaclr.api.embedding import write_embeddings
    from metaclr.data import load as load_images

    encoder = open_encoder(run, options)
    images = load_images(data, data_root, size=encoder.size, channels=encoder.channels, fit=encoder.fit)
    shape = write_embeddings(encoder, images, out)
    click.echo(f"{out}   {shape[0]:,} images, {shape[1]:,} features")
