"""`metaclr doctor`: what is here, what is missing, and how to get it."""

from __future__ import annotations

import platform
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

OPTIONAL = {
    "learn2learn": ("MAML, learn2learn's encoders and task sets", "pip install 'metaclr[l2l]' (or uv sync)"),
    "timm": ("encoders named timm:NAME", "pip install 'metaclr[timm]'"),
    "ray": ("comparisons spread over a cluster", "pip install 'metaclr[ray]'"),
}
NEEDED = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "pandas", "seaborn", "matplotlib", "pydantic")


@click.command(name="doctor")
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of data sets [METACLR_DATA].")
def command(data_root: Path | None) -> None:
    """Say what this machine has: packages, devices, data; and how to get what is missing."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("what", "here", "how to get it, or what it is for", title="Packages", title_justify="left")
    for name in NEEDED:
        found = _version(name)
        table.add_row(name, found or "[red]missing[/]", "" if found else f"pip install {name}")
    for name, (purpose, how) in OPTIONAL.items():
        found = _works(name)
        table.add_row(name, found or "not installed", purpose if found else f"{purpose}: {how}")
    console.print(table)
    console.print(_devices())
    console.print(_data(data_root))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _works(package: str) -> str:
    """The version if the package imports; what broke if it is there and does not."""
    found = _version(package)
    if not found:
        return ""
    try:
        import_module(package)
    except Exception as error:
        return f"{found}, broken: {error}"
    return found


def _devices() -> object:
    import shutil

    import torch
    from rich.table import Table

    from metaclr.engine.precision import bf16_is_fast

    table = Table("device", "what", title="Devices", title_justify="left")
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
    from rich.table import Table

    from metaclr.data import catalogue

    table = Table("data set", "here", "how to get it", title="Data", title_justify="left")
    for entry in catalogue(root):
        table.add_row(entry.name, "yes" if entry.available else "no", "" if entry.available else entry.how)
    return table
