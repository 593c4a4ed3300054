"""`metaclr recipes`: list the shipped recipes, show one, or copy one to edit."""

from __future__ import annotations

from pathlib import Path

import click

from metaclr.errors import UserError
from metaclr.recipe import find, names, read, resolve


@click.group(name="recipes", short_help="List, show and copy recipes.")
def command() -> None:
    """List the recipes that ship with metaclr, show one, or copy one to edit."""


@command.command(name="list")
def list_recipes() -> None:
    """List the recipes, one a line."""
    for name in names():
        recipe = resolve(read(find(name)))
        click.echo(f"{name:18} {recipe.description}")


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """Print a recipe as it ships."""
    click.echo(find(name).read_text(encoding="utf-8"), nl=False)


@command.command()
@click.argument("name")
@click.argument("target", required=False, type=click.Path(path_type=Path))
def copy(name: str, target: Path | None) -> None:
    """Copy a recipe to TARGET [./NAME.toml], to edit it and pass it to `metaclr compare`."""
    source = find(name)
    target = target or Path(f"{source.stem}.toml")
    if target.exists():
        raise UserError(f"{target} exists; name another file")
    try:
        target.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{target}: {error.strerror}") from error
    click.echo(f"{target}: edit it, then: metaclr compare {target}")
