"""`metaclr doctor`: installed packages, devices and data sets, and how to get those that are missing."""

from __future__ import annotations

import platform
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

import click

from metaclr.extras import EXTRAS, L2L

REQUIRED = [
    "torch",
    "torchvision",
    "numpy",
    "safetensors",
    "scipy",
    "scikit-learn",
    "pandas",
    "seaborn",
    "matplotlib",
    "pydantic",
]


@click.command(name="doctor")
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of data sets [METACLR_DATA].")
def command(data_root: Path | None) -> None:
    """List packages, devices and data sets of this machine, and how to get those that are missing."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    table = Table("package", "version", "how to get it", title="Packages", title_justify="left")
    for name in REQUIRED:
        installed = _version(name)
        table.add_row(name, installed or "[red]missing[/]", "" if installed else f"pip install {name}")
    console.print(table)
    extras = Table("extra", "package", "version", "what it gives", title="Extras", title_justify="left")
    for extra in EXTRAS:
        installed = _importable_version(extra.package)
        extras.add_row(extra.name, extra.package, escape(installed) or "not installed", escape(extra.purpose))
    console.print(extras)
    # Without escape, rich reads "[NAME]" as a style and prints nothing.
    console.print(escape("pip install 'metaclr[NAME]' gets an extra; in a checkout: uv sync --extra NAME"))
    console.print(escape(f"l2l: {L2L}\n"))
    console.print(_devices())
    console.print(_data(data_root))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _importable_version(module: str) -> str:
    """Version of the package that has a module, with the error if it cannot be imported; empty if not installed."""
    if find_spec(module) is None:
        return ""
    distributions = packages_distributions().get(module, [module])
    installed = _version(distributions[0]) or "of unknown version"
    try:
        import_module(module)
    except Exception as error:
        return f"{installed}, broken: {error}"
    return installed


def _devices() -> object:
    import shutil

    import torch
    from rich.table import Table

    from metaclr.engine.precision import bf16_is_fast

    table = Table("device", "description", title="Devices", title_justify="left")
    bf16 = "bf16" if bf16_is_fast(torch.device("cpu")) else "fp32 (no fast bf16)"
    table.add_row("cpu", f"{platform.machine()}, {torch.get_num_threads()} threads, trains in {bf16}")
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        table.add_row(f"cuda:{index}", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB")
    if not torch.cuda.is_available():
        table.add_row("cuda", "none found: everything runs on the CPU")
    compiler = shutil.which("g++") or shutil.which("c++") or shutil.which("clang++")
    table.add_row("C++ compiler", compiler or "none: torch.compile falls back to eager on the CPU")
    return table


def _data(root: Path | None) -> object:
    from rich.markup import escape
    from rich.table import Table

    from metaclr.data import catalogue

    table = Table("data set", "available", "how to get it", title="Data", title_justify="left")
    for entry in catalogue(root):
        table.add_row(entry.name, "yes" if entry.available else "no", "" if entry.available else escape(entry.how))
    return table
