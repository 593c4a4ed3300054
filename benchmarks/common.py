"""What the benchmarks share: options, what the machine is, a table, a JSON file. Timing is `metaclr.measure.timing`."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from episodes import EpisodeError
from metaclr.device import choose_device
from metaclr.environment import describe
from metaclr.errors import UserError
from metaclr.measure.memory import peak_bytes
from metaclr.measure.timing import Spread, ratio, spread


@dataclass(frozen=True)
class Row:
    """One line of a table: what one library does with one task. `ours_over_it`: paired ratio, None for ours."""

    task: str
    library: str
    rate: Spread
    unit: str
    ours_over_it: Spread | None = None
    note: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    """For the JSON only."""


def options(doc: str | None, *, repeats: int = 5) -> argparse.ArgumentParser:
    """The options that every benchmark takes."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N [auto]")
    parser.add_argument("--threads", type=int, default=2, help="threads of the CPU [2]")
    parser.add_argument("--repeats", type=int, default=repeats, help=f"turns of every side [{repeats}]")
    parser.add_argument("--quick", action="store_true", help="every part, small: numbers not to be quoted")
    parser.add_argument("--json", type=Path, help="also write the JSON here")
    return parser


def start(chosen: argparse.Namespace) -> torch.device:
    """The device, once threads and the global generators are set. Raises UserError if there is no such device."""
    from metaclr.networks.allocator import keep_freed_memory

    device = choose_device(chosen.device)
    torch.set_num_threads(chosen.threads)
    random.seed(0)  # learn2learn and easyfsl draw from the global generators
    torch.manual_seed(0)
    keep_freed_memory()  # for the whole process, so for every library in it
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if busy > 0.5:
        print(f"this machine is busy (load {busy:.1f}): numbers not to be quoted", file=sys.stderr)
    chosen.load = busy
    return device


def missing(*packages: str) -> None:
    """Raises UserError if a library to compare with is not here."""
    absent = [name for name in packages if find_spec(name) is None]
    if absent:
        raise UserError(f"not installed: {', '.join(absent)}; run this with `uv run --group bench python ...`")


def run(main: Callable[[], None]) -> None:
    """A script's main: what a user can mend is one line and exit code 2."""
    try:
        main()
    except (UserError, EpisodeError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def against(
    task: str, unit: str, rates: Mapping[str, Sequence[float]], ours: str = "metaclr", notes: Mapping[str, str] = {}
) -> list[Row]:
    """One row per side, in the order given: median, quartiles, and how many times as fast `ours` was in each turn."""
    return [
        Row(
            task,
            name,
            spread(values),
            unit,
            None if name == ours else ratio(rates[ours], values),
            notes.get(name, ""),
            {"rates": [float(f"{value:.5g}") for value in values]},
        )
        for name, values in rates.items()
    ]


def show(rows: Sequence[Row]) -> None:
    """Print rows as they come."""
    for row in rows:
        rate = row.rate
        times = "" if row.ours_over_it is None else f"{row.ours_over_it.median:8.2f}"
        span = f"{_number(rate.low)}-{_number(rate.high)}"
        line = f"{row.task:36s} {row.library:29s} {_number(rate.median):>11s} {span:>23s} {row.unit:11s} {times:>8s}"
        print(f"{line}  {row.note}".rstrip(), flush=True)


def heading() -> None:
    """The first line of the table."""
    print(f"{'task':36s} {'library':29s} {'median':>11s} {'quartiles':>23s} {'unit':11s} {'ratio':>8s}", flush=True)


def finish(
    name: str, rows: Sequence[Row], chosen: argparse.Namespace, device: torch.device, *packages: str, **more: Any
) -> None:
    """Print the machine and the versions, and write the JSON if asked for."""
    facts = describe(device)
    versions = {package: _version(package) for package in packages}
    settings = {key: str(value) for key, value in vars(chosen).items() if key != "json"}
    report = {
        "benchmark": name,
        "rows": [asdict(row) for row in rows],
        **more,
        "settings": settings,
        "peak_bytes": peak_bytes(device),
        "environment": {**facts, "cores": str(os.cpu_count()), **versions},
    }
    place = facts["cpu"] if device.type == "cpu" else facts["device"]
    text = ", ".join(f"{package} {found}" for package, found in versions.items())
    print(f"{place}, {facts['threads']} threads; metaclr {facts['metaclr']}, torch {facts['torch']}, {text}")
    print("ratio: metaclr's speed over this one's, median of paired turns" + ("; --quick" if chosen.quick else ""))
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"JSON: {chosen.json}")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"
