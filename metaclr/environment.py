"""Versions and hardware for rows and reports; integers in environment variables."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.errors import UserError

if TYPE_CHECKING:
    import torch


def describe(device: torch.device) -> dict[str, str]:
    """Versions, CPU, threads and device: name -> value."""
    import torch

    from metaclr import __version__

    facts = {
        "metaclr": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "threads": str(torch.get_num_threads()),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
    }
    for package in ("torchvision", "numpy", "learn2learn"):
        facts |= {package: _version(package)} if _version(package) else {}
    return facts


def short(device: torch.device) -> str:
    """Versions and device in one string, for a row."""
    facts = describe(device)
    return f"metaclr {facts['metaclr']}, torch {facts['torch']}, {facts['device']}"


def environment_int(name: str, default: int) -> int:
    """The environment variable `name` as an integer of at least 0, `default` if it is not set.

    Raises:
        UserError: any other value; names the variable.
    """
    text = os.environ.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit()):
        raise UserError(f"environment variable {name} = {text!r}: a whole number of at least 0; torchrun sets it")
    return int(text)


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
