"""`metaclr map RUN DATA`: images on a map by their features, as one page with pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from metaclr.cli._encoder import encoder_options, open_encoder
from metaclr.cli._options import data_root_option


@click.command(name="map", short_help="Draw a map of images by their features.")
@click.argument("run")
@click.argument("data")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Write the page to this file, such as map.html."
)
@click.option(
    "--method",
    type=click.Choice(["pca", "umap"]),
    default="pca",
    show_default=True,
    help="Project by two principal components, or by UMAP (needs metaclr[umap]).",
)
@click.option(
    "--limit",
    type=click.IntRange(min=3),
    default=2000,
    show_default=True,
    help="Draw at most this many images, drawn at random from a larger set.",
)
@click.option("--neighbors", type=click.IntRange(min=2), default=15, show_default=True, help="Neighbors of UMAP.")
@click.option("--seed", type=int, default=0, show_default=True, help="Draw images, and lay out UMAP, by this seed.")
@encoder_options
@data_root_option
def command(
    run: str,
    data: str,
    out: Path,
    method: str,
    limit: int,
    neighbors: int,
    seed: int,
    data_root: Path | None,
    **options: Any,
) -> None:
    """Draw the images of DATA (NAME[:PART], or a folder) as points on a map, by the features of RUN.

    RUN is named as for `metaclr predict`. The page has everything in it: the picture of a point appears under the
    pointer, and a class of the legend can be shown alone.
    """
    import torch

    from episodes import random
    from metaclr.data import load
    from metaclr.files import check_output_file, write_atomic
    from metaclr.inference.map_page import map_page
    from metaclr.inference.projection import project

    check_output_file(out)
    encoder = open_encoder(run, options)
    images = load(data, data_root, size=encoder.size, channels=encoder.channels, fit=encoder.fit)
    total = len(images)
    if total > limit:
        drawn = random.permute(random.key(seed, "map"), torch.arange(total), total)[:limit]
        images = images.select(sorted(drawn.tolist()))
    projection = project(encoder.embed(images), method, neighbors=neighbors, seed=seed)
    write_atomic(out, map_page(images, projection, encoder=encoder.name))
    of = f" of {total:,}" if total > limit else ""
    click.echo(f"{out}   {len(images):,}{of} images, {projection.description}")
