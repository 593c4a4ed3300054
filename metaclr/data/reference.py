"""How data sets are named: NAME, NAME:PART, NAME:PART+PART; a folder or an .npz file by its path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from metaclr.data.arrays.formats import FORMATS
from metaclr.errors import UserError

_ENDINGS = tuple(ending for one in FORMATS for ending in one.endings)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True)
class Reference:
    """A name taken apart: `base` is a name, or a path if `is_path`; `parts` in the order given, maybe none."""

    base: str
    parts: tuple[str, ...] = ()
    is_path: bool = False

    def __str__(self) -> str:
        return f"{self.base}:{'+'.join(self.parts)}" if self.parts else self.base

    @property
    def path(self) -> Path:
        """The path that `base` is, with ~ for the home folder."""
        return Path(self.base).expanduser()


def parse(text: str) -> Reference:
    """Split NAME[:PART[+PART...]]. What has a slash, an ending of `FORMATS`, or begins with . or ~ is a path.

    Raises:
        UserError: nothing before the colon, an empty part, a part twice.
    """
    drive = 2 if _DRIVE.match(text) else 0  # the colon of C:\ begins no part
    if ":" in text[drive:] and _is_path(text) and "\0" not in text and Path(text).expanduser().exists():
        return Reference(text, (), is_path=True)  # a folder with a colon in its name
    colon = text.find(":", text.rfind("/") + 1 if "/" in text else max(drive, text.rfind("\\") + 1))
    base, part = (text, None) if colon < 0 else (text[:colon], text[colon + 1 :])
    if not base.strip():
        raise UserError(f"data set {text!r}: a name is missing; say NAME, NAME:PART or NAME:PART+PART")
    parts = () if part is None else tuple(part.split("+"))
    if "" in parts:
        raise UserError(f"data set {text!r}: a part is empty; say NAME, NAME:PART or NAME:PART+PART")
    if len(set(parts)) < len(parts):
        raise UserError(f"data set {text!r}: a part stands twice")
    return Reference(base, parts, _is_path(base))


def _is_path(base: str) -> bool:
    return "/" in base or "\\" in base or base.startswith((".", "~")) or base.lower().endswith(_ENDINGS)
