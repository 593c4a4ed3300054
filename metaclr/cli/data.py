"""`metaclr data`: which data sets there are, what is in them, what two of them share, and decoding them once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from metaclr.cli._options import data_root_option

if TYPE_CHECKING:
    from episodes import ViewRecipe

_Command = TypeVar("_Command", bound=Callable[..., Any])

_READING = (
    click.option("--size", type=int, help="Pixels of either side [the set's own]."),
    click.option("--channels", type=int, help="1 (gray) or 3 (color) [the set's own]."),
    click.option("--on-corrupt", type=click.Choice(["error", "skip"]), default="error", show_default=True,
                 help="Refuse a set with unreadable files, or leave them out."),
    click.option("--fit", type=click.Choice(["crop", "pad", "stretch"]), default="crop", show_default=True,
                 help="Make oblong images square: cut to the center, add a black border, or distort."),
    click.option("--frames", type=click.Choice(["first", "all"]), default="first", show_default=True,
                 help="Read the first page or frame of a file, or all of them."),
    click.option("--pixel-range", metavar="LOW,HIGH", help="Values that become black and white, of files with more"
                 " than 8 bits [found for the set]."),
    click.option("--layout", default="auto", show_default=True, help="What the levels of folders are, such as"
                 " PART/CLASS or GROUP/CLASS; see docs/data.md."),
    click.option("--max-pixels", type=int, help="Refuse larger images [178956970]."),
    data_root_option,
)  # fmt: skip


def _reading_options(function: _Command) -> _Command:
    """The options of every command that reads a data set."""
    for option in reversed(_READING):
        function = option(function)
    return function


def _options(pixel_range: str | None, max_pixels: int | None, **rest: Any) -> dict[str, Any]:
    """The options as `load` takes them."""
    from metaclr.data.options import MAX_PIXELS, read_range

    return rest | {
        "pixel_range": None if pixel_range is None else read_range(pixel_range),
        "max_pixels": MAX_PIXELS if max_pixels is None else max_pixels,
    }


@click.group(name="data", short_help="List, show, check and prepare data sets.")
def command() -> None:
    """List data sets, look at one, compare two for leaks, decode some into the cache."""


@command.command(name="list")
@data_root_option
def list_sets(data_root: Path | None) -> None:
    """List every data set that has a name: whether it is here, its classes and images, how to get it."""
    from rich.console import Console
    from rich.table import Table

    from metaclr.data import FORMATS, catalogue

    table = Table("name", "here", "classes", "images", "what", box=None, pad_edge=False)
    missing = []
    for entry in catalogue(data_root):
        counts = [f"{n:,}" if n else "" for n in (entry.classes, entry.images)]
        parts = f" [dim]({', '.join(':' + part for part in entry.parts)})[/]" if entry.parts else ""
        table.add_row(entry.name, "[green]yes[/]" if entry.available else "no", *counts, f"{entry.about}{parts}")
        if not entry.available and entry.how:
            missing.append(entry)
    Console().print(table)
    click.echo("\nAlso, by its path: any folder of images (docs/data.md), and files that hold a set:")
    for one in FORMATS:
        click.echo(f"  {', '.join(one.endings)}: {one.about}")
    if missing:
        click.echo("\nHow to get what is not here:")
        for entry in missing:
            click.echo(f"  {entry.name}: {entry.how}")


@command.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write a contact sheet (PNG) here.")
@click.option("--classes", default=16, show_default=True, type=click.IntRange(1, 200), help="Rows of the sheet.")
@click.option("--images", default=12, show_default=True, type=click.IntRange(1, 100), help="Images in a row.")
@click.option("--views", help="Draw random views of some images by this view recipe, into --out [views.png].")
@click.option("--recipe", help="Recipe that defines your own view recipes, [views.NAME].")
@_reading_options
def show(
    name: str,
    out: Path | None,
    classes: int,
    images: int,
    views: str | None,
    recipe: str | None,
    data_root: Path | None,
    size: int | None,
    **reading: Any,
) -> None:
    """Show what is read from NAME (NAME:PART, a folder, a file) and how, and draw its contact sheet or views."""
    from metaclr.data import contact_sheet, load
    from metaclr.data.described.sheet import write_sheet
    from metaclr.data.described.summary import summary

    chosen = _view_recipe(views, recipe) if views else None
    found = load(name, data_root, size=size, announce=False, **_options(**reading))
    for line in summary(found):
        click.echo(line)
    if name.partition(":")[0] == "glyphs":
        from metaclr.data.drawn.glyphs import report

        click.echo("\n".join(f"glyphs         {line}" for line in report(size or 28)))
    if chosen is not None:
        from metaclr.data.described.view_sheet import view_sheet

        path = out or Path("views.png")
        write_sheet(view_sheet(found, chosen, images=min(classes, 8), views=images - 1), path)
        click.echo(f"views sheet    {path}")
    elif out is not None:
        write_sheet(contact_sheet(found, classes=classes, images=images), out)
        click.echo(f"contact sheet  {out}")


def _view_recipe(views: str, recipe: str | None) -> ViewRecipe:
    """A shipped view recipe, or one of a recipe's own, by name."""
    from metaclr.recipe import find, read, resolve
    from metaclr.recipe.views import view_recipe

    return view_recipe(views, resolve(read(find(recipe))).view_recipes if recipe else {})


@command.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False),
              help="Write a sheet (PNG) of the images in common here, pair by pair.")  # fmt: skip
@click.option("--pairs", default=40, show_default=True, type=click.IntRange(1, 400), help="Pairs on the sheet.")
@_reading_options
def check(names: tuple[str, ...], out: Path | None, pairs: int, data_root: Path | None, **reading: Any) -> None:
    """Check data sets for leaks: classes, images and near copies in common, between each two and between parts."""
    from metaclr.data import load
    from metaclr.data.described.leaks import find_leaks, leak_lines, pair_sheet
    from metaclr.data.described.sheet import write_sheet

    options = _options(**reading)
    leaks = find_leaks([load(name, data_root, announce=False, **options) for name in names])
    for leak in leaks:
        for line in leak_lines(leak):
            click.echo(line)
    if not leaks:
        click.echo("nothing to compare: give two data sets, or one with parts")
    shared = [leak for leak in leaks if len(leak.report.shared_images)]
    if out is not None and shared:
        write_sheet(pair_sheet(shared, pairs), out)
        click.echo(f"contact sheet  {out}")


@command.command()
@click.argument("names", nargs=-1, required=True)
@_reading_options
def prepare(names: tuple[str, ...], data_root: Path | None, **reading: Any) -> None:
    """Decode data sets once into the cache, at the size and channels that a recipe will ask for."""
    from metaclr.data import cache_folder, load
    from metaclr.data.described.summary import summary
    from metaclr.data.load import check_known

    options = _options(**reading)
    for name in names:
        check_known(name, data_root)  # a misspelt last name is refused before the first is decoded
    for name in names:
        began = time.monotonic()
        found = load(name, data_root, **options)
        click.echo(f"{summary(found)[0]}  ({time.monotonic() - began:.1f} s)")
    click.echo(f"cache: {cache_folder()}")


@command.command()
@click.argument("names", nargs=-1, required=True)
@data_root_option
def get(names: tuple[str, ...], data_root: Path | None) -> None:
    """Download data sets into the data root, with checksums; what was interrupted resumes."""
    from metaclr.data.fetch import fetch

    for name in names:
        for line in fetch(name, data_root):
            click.echo(line)
