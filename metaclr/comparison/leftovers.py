"""Temporary files that a killed process left in a results folder."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

LEFTOVER = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.tmp|\.probe-\w+|\.ray-[0-9a-f]{16}|\.metaclr\.lock\.\d+-[0-9a-f]{8}")
"""Names that only metaclr gives."""

FOLDERS = ("", "per_item", "tables", "figures", "episodes")


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of earlier processes; only the owner of the folder may call it."""
    for place in (*(folder / name for name in FOLDERS), *(folder / "runs").glob("*")):
        with suppress(OSError):
            for path in place.iterdir():
                if LEFTOVER.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                    path.unlink(missing_ok=True)
