"""What a reader is asked for: size, channels, parts, options, and where to put large arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from metaclr.data.options import DEFAULT, ReadOptions
from metaclr.data.scratch import Allocate, in_memory


@dataclass(frozen=True)
class Request:
    """Asked of a reader. size, channels: None for the set's own. root: the data root. cache: its folder, or None."""

    parts: tuple[str, ...] = ()
    size: int | None = None
    channels: int | None = None
    options: ReadOptions = DEFAULT
    root: Path | None = None
    cache: Path | None = None
    allocate: Allocate = in_memory
