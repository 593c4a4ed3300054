"""Versions and hardware, as rows and reports carry them."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def describe(device: torch.device) -> dict[str, str]:
    """What a reader needs to repeat a measurement: name -> value."""
    import torch

    from metaclr import __version__

    found = {
        "metaclr": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "threads": str(torch.get_num_threads()),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
    }
    for package in ("torchvision", "numpy", "learn2learn"):
        found |= {package: _version(package)} if _version(package) else {}
    return found


def short(device: torch.device) -> str:
    """One field of a row: version and device."""
    facts = describe(device)
    return f"metaclr {facts['metaclr']}, torch {facts['torch']}, {facts['device']}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


@cache
def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
