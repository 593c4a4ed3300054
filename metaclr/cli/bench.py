"""`metaclr bench`: rates of sampling, views, training and evaluation on this machine, and the training ceiling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from metaclr.cli._options import device_option

if TYPE_CHECKING:
    from metaclr.measure.suite import Figure


@click.command(name="bench", short_help="Measure the speed of this machine.")
@click.option("--encoder", default="conv4", show_default=True, help="Network to train.")
@click.option("--size", type=int, default=32, show_default=True, help="Height and width of images in pixels.")
@click.option("--channels", type=click.Choice(["1", "3"]), default="3", show_default=True)
@click.option("--views", default="simclr", show_default=True, help="View recipe.")
@click.option("--batch-views", type=int, default=256, show_default=True, help="Views per training step.")
@click.option("--seconds", type=float, default=30.0, show_default=True, help="Approximate total duration in seconds.")
@click.option("--repeats", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads [torch's default].")
@click.option("--compile", "compiles", type=click.Choice(["auto", "on", "off"]), default="auto", show_default=True)
@click.option("--json", "json_file", metavar="FILE", help="Write all measurements as JSON; - is the standard output.")
@device_option
def command(
    encoder: str,
    size: int,
    channels: str,
    views: str,
    batch_views: int,
    seconds: float,
    repeats: int,
    threads: int | None,
    compiles: str,
    json_file: str | None,
    device: str,
) -> None:
    """Measure this machine: index tables, views, training, its ceiling, and episodes; medians with quartiles.

    The ceiling is the same network, precision and optimizer on one batch of random tensors. Training and ceiling
    alternate, so that other programs slow both alike.
    """
    import torch

    from metaclr.console import notify
    from metaclr.device import choose_device
    from metaclr.measure import Workload, measure_all
    from metaclr.networks.allocator import keep_freed_memory

    keep_freed_memory()  # as in `metaclr train`
    if threads:
        torch.set_num_threads(threads)
    load = Workload(
        encoder=encoder,
        size=size,
        channels=int(channels),
        views=views,
        batch_views=batch_views,
        device=choose_device(device),
        compile=compiles,  # type: ignore[arg-type]
    )
    figures, report = measure_all(load, seconds=seconds, repeats=repeats, notify=notify)
    _print(figures, report, to_stderr=json_file == "-")
    if json_file:
        _write(report, json_file)


def _print(figures: list[Figure], report: dict[str, Any], *, to_stderr: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("measurement", "median", "quartiles", "unit")
    for figure in figures:
        spread = figure.spread
        low, median, high = (_number(value, figure.unit) for value in (spread.low, spread.median, spread.high))
        table.add_row(figure.what, median, f"{low} to {high}", figure.unit)
    for where, peak in report["peak_bytes"].items():
        table.add_row(f"peak memory, {where}", f"{peak / 2**20:,.0f}", "", "MiB")
    console = Console(stderr=to_stderr)
    console.print(table)
    facts = report["environment"]
    compiled = "compiled" if report["compiled"] else "eager"
    place = facts["cpu"] if facts["device"] == "cpu" else facts["device"]
    console.print(
        f"{place}, {facts['threads']} threads, {report['computed_in']}, {compiled}; metaclr {facts['metaclr']}, "
        f"torch {facts['torch']}, Python {facts['python']}; {report['figures']['training']['n']} repeats",
        highlight=False,
    )


def _number(value: float, unit: str) -> str:
    return f"{value:.1f}" if unit == "%" else f"{value:,.0f}"


def _write(report: dict[str, Any], json_file: str) -> None:
    import json
    from pathlib import Path

    from metaclr.files import write_atomic

    text = json.dumps(report, indent=1) + "\n"
    if json_file == "-":
        click.echo(text, nl=False)
    else:
        write_atomic(Path(json_file), text)
