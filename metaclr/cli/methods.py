"""`metaclr methods`: list the methods, show one with its settings, or the differences of two."""

from __future__ import annotations

import click


@click.group(name="methods", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """List the methods, show one, or print how two differ."""
    if context.invoked_subcommand is None:
        context.invoke(list_methods)


@command.command(name="list")
def list_methods() -> None:
    """List the methods, one a line."""
    from rich.console import Console
    from rich.table import Column, Table

    from metaclr.methods.summaries import summaries

    table = Table(Column("method", no_wrap=True), "what it is", "labels", "reference", box=None, pad_edge=False)
    for method in summaries():
        table.add_row(method.name, method.summary, "given" if method.labels == "given" else "none", method.reference)
    Console().print(table)


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """Print the settings, formula and reference of one method."""
    from metaclr import methods

    for line in methods.describe(name):
        click.echo(line)


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
