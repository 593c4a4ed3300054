"""Files and folders that no user means: hidden ones, and those that operating systems and editors leave behind."""

from __future__ import annotations

_SYSTEM = frozenset(
    {"__macosx", "__pycache__", "$recycle.bin", "system volume information", "lost+found", "@eadir", "@tmp",
     "#recycle", "#snapshot", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "recycler", "network trash folder"}
)  # fmt: skip
"""Lower case. macOS, Windows, Synology and QNAP, ext4."""


def is_skipped(name: str) -> bool:
    """Whether a file or folder of this name is left out at every depth, without a note: hidden (.x), or a system's."""
    return name.startswith(".") or name.lower() in _SYSTEM
