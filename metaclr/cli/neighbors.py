"""`metaclr neighbors RUN DATA`: the most similar images of a data set, as a table and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from metaclr.cli._encoder import encoder_options, open_encoder
from metaclr.cli._options import data_root_option


@click.command(name="neighbors", short_help="Find the most similar images of a data set.")
@click.argument("run")
@click.argument("data")
@click.option(
    "--query",
    "queries",
    multiple=True,
    help="Look for the neighbors of this image file or folder; may be repeated [images of DATA, one a class in turn].",
)
@click.option("--k", type=int, default=8, show_default=True, help="Find this many neighbors of each query.")
@click.option(
    "--count", type=click.IntRange(min=1), default=24, show_default=True, help="Draw this many queries from DATA."
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the CSV to this file [standard output].")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with the images.")
@encoder_options
@data_root_option
def command(
    run: str,
    data: str,
    queries: tuple[str, ...],
    k: int,
    count: int,
    out: Path | None,
    html: Path | None,
    data_root: Path | None,
    **options: Any,
) -> None:
    """Find the images of DATA (NAME[:PART], or a folder) that are most similar to queries by the features of RUN.

    RUN is named as for `metaclr predict`. The CSV has the columns query, query_class, rank, neighbor, neighbor_class
    and similarity (the cosine). An image is no neighbor of itself.
    """
    from metaclr.api.predicting import read_named
    from metaclr.console import notify
    from metaclr.data import load
    from metaclr.files import write_atomic
    from metaclr.inference.neighbors import find_neighbors, neighbors_page, summary_line

    encoder = open_encoder(run, options)
    images = load(data, data_root, size=encoder.size, channels=encoder.channels, fit=encoder.fit)
    asked = read_named(encoder, queries) if queries else None
    found = find_neighbors(encoder, images, asked, k=k, count=count)
    text = found.to_frame().to_csv(index=False, float_format="%.4f")
    if out:
        write_atomic(out, text)
    elif not html:
        click.echo(text, nl=False)
    if html:
        write_atomic(html, neighbors_page(found, encoder=encoder.name))
    notify(summary_line(found))
