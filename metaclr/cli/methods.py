"""`metaclr methods`: list the methods, show one with its settings, or the differences of two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

MARK = "*"


def filters(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that select methods of the list."""
    function = click.option("--family", help="List one family, such as contrastive or few-shot [all].")(function)
    labels = click.Choice(["none", "given"])
    return click.option(
        "--labels", type=labels, help="List methods that train without labels, or on given ones [all]."
    )(function)


@click.group(name="methods", short_help="List methods, show one, print how two differ.", invoke_without_command=True)
@filters
@click.pass_context
def command(context: click.Context, family: str | None, labels: str | None) -> None:
    """List the methods, show one, or print how two differ."""
    if context.invoked_subcommand is None:
        context.invoke(list_methods, family=family, labels=labels)


@command.command(name="list")
@filters
def list_methods(family: str | None, labels: str | None) -> None:
    """List the methods by family, one a line."""
    import shutil

    for line in listing(family, labels, shutil.get_terminal_size((80, 24)).columns):
        click.echo(line)


def listing(family: str | None = None, labels: str | None = None, width: int = 80) -> list[str]:
    """The methods in lines of at most `width` characters, by family; a summary that is longer is cut.

    Raises:
        UserError: an unknown family (with the nearest).
    """
    from metaclr.errors import unknown
    from metaclr.methods.families import FAMILIES, grouped, heading
    from metaclr.methods.summaries import summaries

    if family is not None and family not in FAMILIES:
        raise unknown("family", family, FAMILIES)
    found = {
        method.name: method
        for method in summaries()
        if family in (None, method.family)
        and (labels is None or (method.labels == "given") == (labels == "given"))
        and not (labels and method.family == "control")
    }
    keys = {heading(name): name for name in FAMILIES}
    wide = max((len(name) for name in found), default=0)
    lines: list[str] = []
    for title, names in grouped({name: method.family for name, method in found.items()}, found):
        key = f" ({keys[title]})" if title in keys else ""
        lines += ["", *([f"{title}{key}"] if len(f"{title}{key}") <= width else [title])]
        for name in names:
            mark = MARK if found[name].labels == "given" else " "
            lines.append(_cut(f"  {name:<{wide}} {mark} {found[name].summary}", width))
    lines += ["", f"{len(found)} methods, {MARK} trained on labels. Settings: metaclr methods show NAME"]
    return lines[1:]


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1].rstrip()}…"


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """Print the settings, formula and reference of one method."""
    from metaclr import methods

    for line in methods.describe(name):
        click.echo(line)


@command.command()
def positives() -> None:
    """List the sources of positives with their settings: `--set simclr.positives=patch --set simclr.patch.grid=4`."""
    from dataclasses import fields

    from metaclr import positives as sources

    for name in sources.names():
        source = sources.get(name)
        click.echo(f"{name}: {source.summary}")
        click.echo(f"  {source.reference}")
        for field in fields(source):
            click.echo(f"  {name}.{field.name} = {field.default!r}")
    click.echo("mixtures: names joined by +, with weights before them or none: --set positives=augmentation+2*time")


@command.command()
@click.argument("a")
@click.argument("b")
def diff(a: str, b: str) -> None:
    """Print every setting in which two methods differ, one axis a line."""
    from rich.console import Console
    from rich.table import Table

    from metaclr import methods

    differences = methods.diff(a, b)
    if not differences:
        click.echo(f"{a} and {b} have the same settings")
        return
    table = Table("axis", a, b, box=None, pad_edge=False)
    for axis, left, right in differences:
        table.add_row(axis, str(left), str(right))
    Console().print(table)
