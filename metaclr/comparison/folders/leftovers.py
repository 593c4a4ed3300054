"""Temporary files that a killed process left in a results folder."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from metaclr.process import is_running

LEFTOVER = re.compile(
    r"\..+\.(\d+)-[0-9a-f]{8}\.(?:tmp|part)|\.probe-(\d+)-\w+|\.ray-[0-9a-f]{16}|\.metaclr\.lock\.(\d+)-[0-9a-f]{8}"
)
"""Names that only metaclr gives, with the pid of the process that made them."""

FOLDERS = ("", "per_item", "tables", "figures", "episodes")


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of processes that have ended; only the owner of the folder may call it.

    Another command that is about to be refused still has its own for a moment.
    """
    for place in (*(folder / name for name in FOLDERS), *(folder / "runs").glob("*")):
        with suppress(OSError):
            for path in place.iterdir():
                found = LEFTOVER.fullmatch(path.name)
                if found is None or not path.is_file() or path.is_symlink():
                    continue
                pid = next((int(group) for group in found.groups() if group), 0)
                if pid in (0, os.getpid()) or not is_running(pid):
                    path.unlink(missing_ok=True)
