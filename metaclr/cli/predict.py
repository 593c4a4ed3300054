"""`metaclr predict RUN --support FOLDER IMAGES...`: classify new images from a few labelled ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from metaclr.cli._encoder import encoder_options, open_encoder


@click.command(name="predict", short_help="Classify new images from a few labelled ones.")
@click.argument("run")
@click.argument("images", nargs=-1)
@click.option(
    "--support",
    required=True,
    help="Take the classes from this folder: one folder of a few images a class, as many as there are.",
)
@click.option("--images", "more", multiple=True, help="Classify these too: a file, or a folder; may be repeated.")
@click.option("--head", default="cosine", show_default=True, help="Classify with this head, as in `evaluate.few_shot`.")
@click.option(
    "--none-of-these",
    type=float,
    metavar="SHARE",
    help="Reject what is less similar to the support than all but SHARE of its own images (left out in turn) are.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the CSV to this file [standard output].")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with all images and predictions.")
@encoder_options
def command(
    run: str,
    images: tuple[str, ...],
    more: tuple[str, ...],
    support: str,
    head: str,
    none_of_these: float | None,
    out: Path | None,
    html: Path | None,
    **options: Any,
) -> None:
    """Classify IMAGES (files or folders) by the encoder of RUN and a folder of a few examples a class.

    RUN is the folder of a `metaclr train`, results/NAME/runs/RUN of a comparison, timm:NAME or hub:OWNER/NAME with
    their pretrained weights (needs metaclr[timm]), open_clip:NAME/TAG (needs metaclr[open_clip]), a file of weights
    with --arch, or FILE.py:FUNCTION. The CSV has the columns file, class, probability (of the likeliest class, even
    where none of these is named), nearest (the most similar support image) and similarity (the cosine to it).
    """
    from metaclr.api.predicting import predict_files, summary_lines
    from metaclr.console import notify
    from metaclr.errors import UserError
    from metaclr.files import write_atomic

    given = (*images, *more)
    if not given:
        raise UserError("images: none given; name files or a folder: metaclr predict RUN --support FOLDER new/*.png")
    encoder = open_encoder(run, options)
    classifier = encoder.classify(support, head=head, none_of_these=none_of_these)
    found, prediction = predict_files(classifier, given)
    text = prediction.to_frame().to_csv(index=False, float_format="%.4f")
    if out:
        write_atomic(out, text)
    else:
        click.echo(text, nl=False)
    if html:
        from metaclr.inference.page import prediction_page

        write_atomic(html, prediction_page(classifier, found, prediction))
        notify(f"page: {html}")
    for line in summary_lines(classifier, found, prediction):
        notify(line)
