"""`metaclr data`: which data sets there are, what is in them, and decoding them once."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metaclr.cli._options import data_root_option

if TYPE_CHECKING:
    from episodes import ImageSet

size_option = click.option("--size", type=int, help="Pixels of either side [the set's own].")
channels_option = click.option("--channels", type=int, help="1 (grey) or 3 (color) [the set's own].")
corrupt_option = click.option(
    "--on-corrupt",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="Unreadable files: refuse the folder, or leave them out.",
)


@click.group(name="data")
def command() -> None:
    """List data sets, look at one, decode some into the cache."""


@command.command(name="list")
@data_root_option
def list_sets(data_root: Path | None) -> None:
    """Every data set that has a name: whether it is here, its classes and images, how to get it."""
    from rich.console import Console
    from rich.table import Table

    from metaclr.data import catalogue

    table = Table("name", "here", "classes", "images", "what", box=None, pad_edge=False)
    missing = []
    for entry in catalogue(data_root):
        counts = [f"{n:,}" if n else "" for n in (entry.classes, entry.images)]
        parts = f" [dim]({', '.join(':' + part for part in entry.parts)})[/]" if entry.parts else ""
        table.add_row(entry.name, "[green]yes[/]" if entry.available else "no", *counts, f"{entry.about}{parts}")
        if not entry.available and entry.how:
            missing.append(entry)
    Console().print(table)
    click.echo("\nAlso: any folder of class folders, any .npz file (metaclr.data.exchange), by its path.")
    if missing:
        click.echo("\nHow to get what is not here:")
        for entry in missing:
            click.echo(f"  {entry.name}: {entry.how}")


@command.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write a contact sheet (PNG) here.")
@click.option("--classes", default=16, show_default=True, type=click.IntRange(1, 200), help="Rows of the sheet.")
@click.option("--images", default=12, show_default=True, type=click.IntRange(1, 100), help="Images in a row.")
@size_option
@channels_option
@corrupt_option
@data_root_option
def show(
    name: str,
    out: Path | None,
    classes: int,
    images: int,
    size: int | None,
    channels: int | None,
    on_corrupt: str,
    data_root: Path | None,
) -> None:
    """Counts, groups and fingerprint of NAME (NAME:PART, a folder, an .npz file), and its contact sheet."""
    from metaclr.data import contact_sheet, load
    from metaclr.data.sheet import write_sheet

    found = load(name, data_root, size=size, channels=channels, on_corrupt=on_corrupt)  # type: ignore[arg-type]
    for line in describe(found):
        click.echo(line)
    if name.partition(":")[0] == "glyphs":
        from metaclr.data.glyphs import report

        click.echo("\n".join(f"glyphs         {line}" for line in report(size or 28)))
    if out is not None:
        write_sheet(contact_sheet(found, classes=classes, images=images), out)
        click.echo(f"contact sheet  {out}")


@command.command()
@click.argument("names", nargs=-1, required=True)
@size_option
@channels_option
@corrupt_option
@data_root_option
def prepare(
    names: tuple[str, ...], size: int | None, channels: int | None, on_corrupt: str, data_root: Path | None
) -> None:
    """Decode data sets once into the cache, at the size and channels that a recipe will ask for."""
    from metaclr.data import cache_folder, load
    from metaclr.data.load import check_known

    for name in names:
        check_known(name, data_root)  # a misspelt last name is refused before the first is decoded
    for name in names:
        began = time.monotonic()
        found = load(name, data_root, size=size, channels=channels, on_corrupt=on_corrupt)  # type: ignore[arg-type]
        click.echo(f"{describe(found)[0]}  ({time.monotonic() - began:.1f} s)")
    click.echo(f"cache: {cache_folder()}")


def describe(image_set: ImageSet) -> list[str]:
    """What a reader wants to know of a set, one line each."""
    height, width = image_set.size
    color = "grey" if image_set.channels == 1 else "color"
    classes = f"{image_set.classes:,} classes" if image_set.labels is not None else "no labels"
    lines = [f"{image_set.name}: {len(image_set):,} {color} images {height} x {width}, {classes}"]
    if image_set.labels is not None:
        counts = image_set.class_counts()
        lines.append(f"per class      {int(counts.min()):,} to {int(counts.max()):,} images")
    if image_set.split:
        lines.append(f"parts          {_counted(image_set.split, 'images')}")
    if image_set.groups:
        lines.append(f"groups         {_counted(image_set.groups, 'classes')}")
    return [*lines, *image_set.notes, f"fingerprint    {image_set.fingerprint()}"]


def _counted(names: tuple[str, ...], unit: str) -> str:
    """ "Latin 640, Greek 320 and 12 more (classes)"."""
    counts = Counter(names).most_common()
    some = ", ".join(f"{name} {count:,}" for name, count in counts[:8])
    return f"{some}{f' and {len(counts) - 8} more' if len(counts) > 8 else ''} ({unit})"
