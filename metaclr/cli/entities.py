"""`metaclr entities`: train mentions to find their entities (TABi), and measure it for head and tail."""

from __future__ import annotations

from pathlib import Path

import click

from metaclr.cli._options import device_option, read_seeds, set_option


@click.command(name="entities", short_help="Train mentions to find their entities.")
@click.argument("entities", required=False, type=click.Path(path_type=Path))
@click.argument("mentions", required=False, type=click.Path(path_type=Path))
@click.option("--methods", default="tabi", show_default=True, help="Train these methods, comma-separated.")
@click.option(
    "--rounds", default=4, show_default=True, help="Find hard negatives anew between this many parts of the training."
)
@click.option("--hard", default=20, show_default=True, help="Draw hard negatives among this many nearest entities.")
@click.option(
    "--encoder", default="transformer", show_default=True, help="Encode texts by a transformer or a bag of words."
)
@click.option("--dropout", default=0.1, show_default=True, help="Drop numbers inside the encoder in training.")
@click.option("--length", default=32, show_default=True, help="Read this many words of a text.")
@click.option("--features", default=128, show_default=True, help="Give features of this many dimensions.")
@click.option("--steps", type=int, help="Train for this many optimizer steps [100].")
@click.option("--seeds", default="1", show_default=True, help="Train with this number of seeds, or a list: 0,7,42.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("results/entities"),
    show_default=True,
    help="Write checkpoints and rows.csv to this folder.",
)
@device_option
@set_option
def command(
    entities: Path | None,
    mentions: Path | None,
    methods: str,
    rounds: int,
    hard: int,
    encoder: str,
    dropout: float,
    length: int,
    features: int,
    steps: int | None,
    seeds: str,
    out: Path,
    device: str,
    overrides: tuple[str, ...],
) -> None:
    """Train on entities and mentions as texts; print in how many % a mention's entity is the nearest, or among 10.

    ENTITIES is a table with the columns entity, type and text (else the entity is its text), MENTIONS one with the
    columns text, entity and split (train, test; else a fifth is tested on); without both, letters of Unicode and parts
    of their names. Tail entities have at most as many mentions to train on as the median. An untrained encoder, a bag
    of words and tf-idf are printed beside the methods. The same command resumes.
    """
    from metaclr.api.entities import train_entities
    from metaclr.comparison.runs.text_training import TextOptions

    found = train_entities(
        entities,
        mentions,
        methods,
        options=TextOptions(encoder, features, length, dropout),
        rounds=rounds,
        hard=hard,
        steps=steps,
        seeds=read_seeds(seeds) or [0],
        out=out,
        device=device,
        overrides=overrides,
    )
    click.echo(found.table().round(1).to_string())
    click.echo(
        "\nAccuracy in % over all entities, mean over seeds; rows.csv has seeds and 95 % intervals over mentions."
    )
    click.echo(f"rows.csv   {found.folder / 'rows.csv'}")
