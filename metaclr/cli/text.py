"""`metaclr text PAIRS...`: train on sentences alone, and measure semantic textual similarity beside controls."""

from __future__ import annotations

from pathlib import Path

import click

from metaclr.cli._options import device_option, read_seeds, set_option


@click.command(name="text", short_help="Train on sentences alone, and measure their similarity.")
@click.argument("pairs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--methods", default="simcse", show_default=True, help="Train these methods, comma-separated, that need no labels."
)
@click.option(
    "--texts",
    type=click.Path(path_type=Path),
    help="Train on the sentences of this file, one a line [those of PAIRS, without their scores].",
)
@click.option(
    "--encoder", default="transformer", show_default=True, help="Encode sentences by a transformer or a bag of words."
)
@click.option("--dropout", default=0.1, show_default=True, help="Drop numbers inside the encoder: another mask a view.")
@click.option(
    "--cutoff", default=0.0, show_default=True, help="Zero this share of the dimensions of a view's word vectors."
)
@click.option("--drop", default=0.0, show_default=True, help="Leave out words of a view with this probability.")
@click.option("--shuffle", is_flag=True, help="Put the words of a view into random order.")
@click.option("--span", default=1.0, show_default=True, help="Keep this share of a view's words, in one piece.")
@click.option("--length", default=32, show_default=True, help="Read this many words of a sentence.")
@click.option("--features", default=128, show_default=True, help="Give features of this many dimensions.")
@click.option("--steps", type=int, help="Train for this many optimizer steps [100].")
@click.option("--seeds", default="1", show_default=True, help="Train with this number of seeds, or a list: 0,7,42.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("results/text"), show_default=True,
    help="Write checkpoints and rows.csv to this folder.",
)  # fmt: skip
@device_option
@set_option
def command(
    pairs: tuple[Path, ...],
    methods: str,
    texts: Path | None,
    encoder: str,
    dropout: float,
    cutoff: float,
    drop: float,
    shuffle: bool,
    span: float,
    length: int,
    features: int,
    steps: int | None,
    seeds: str,
    out: Path,
    device: str,
    overrides: tuple[str, ...],
) -> None:
    """Train methods on sentences without labels; print Spearman's correlation of cosines with the scores of PAIRS.

    PAIRS are files or folders of scored sentence pairs: SemEval's STS12 to STS16 (a folder a year is a task), SICK, the
    STS benchmark, or a .csv or .tsv with the columns score, sentence1 and sentence2. Two views of a sentence differ in
    the encoder's dropout mask (SimCSE) and in what --cutoff, --drop, --shuffle and --span change (ConSERT). An
    untrained encoder, a bag of words and tf-idf are printed beside the methods. The same command resumes.
    """
    from metaclr.api.texts import train_texts
    from metaclr.comparison.runs.text_training import TextOptions

    found = train_texts(
        pairs,
        methods,
        texts=texts,
        options=TextOptions(encoder, features, length, dropout, drop, shuffle, span, cutoff),
        steps=steps,
        seeds=read_seeds(seeds) or [0],
        out=out,
        device=device,
        overrides=overrides,
    )
    click.echo(found.table().round(1).to_string())
    click.echo("\nSpearman's correlation times 100, mean over seeds; rows.csv has seeds and 95 % intervals over pairs.")
    click.echo(f"rows.csv   {found.folder / 'rows.csv'}")
