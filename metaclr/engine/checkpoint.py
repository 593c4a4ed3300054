"""One file that a run goes on from: whole or not there, whatever stops the process or fills the disk."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from metaclr.errors import UserError
from metaclr.files import replacing

NAME = "checkpoint.pt"
FORMAT = 1


def save(folder: Path, content: dict[str, Any]) -> Path:
    """Write `content` (tensors, numbers, strings, dicts, lists) as the folder's checkpoint, durably.

    A new file is written beside the old one, flushed to the disk, and put in its place in one step; until then the
    old one stands, and a killed or failed write leaves it as it was.

    Raises:
        UserError: it cannot be written (disk full, read-only); the old checkpoint is still there.
    """
    path = folder / NAME
    try:
        with replacing(path) as file:
            torch.save({"format": FORMAT, **content}, file)
    except (OSError, RuntimeError) as error:
        # torch's own writer reports a full disk as a RuntimeError of many lines.
        reason = (error.strerror if isinstance(error, OSError) else None) or _reason(error)
        old = "the one before is untouched" if path.is_file() else "there is none before it"
        raise UserError(f"checkpoint {path} cannot be written: {reason}; {old}") from error
    return path


def load(folder: Path | None) -> dict[str, Any] | None:
    """The folder's checkpoint on the CPU, or None where there is none.

    Nothing in the file is executed, and the checksums of its parts are compared.

    Raises:
        UserError: it is damaged, or of another version.
    """
    if folder is None or not (path := folder / NAME).is_file():
        return None
    try:
        with zipfile.ZipFile(path) as parts:
            damaged = parts.testzip()
        if damaged:
            raise ValueError(f"wrong checksum of {damaged}")
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        version = content["format"]
    except Exception as error:
        raise UserError(f"checkpoint {path} is damaged ({_reason(error)}); delete it to start anew") from error
    if version != FORMAT:
        raise UserError(f"checkpoint {path} has format {version}, this metaclr reads {FORMAT}; delete it to start anew")
    return content


def check_same(path: Path, there: dict[str, Any], asked: dict[str, Any]) -> None:
    """Refuse to go on with other settings than the checkpoint was made with.

    Raises:
        UserError: names the first setting that differs.
    """
    for name in sorted(there.keys() | asked.keys()):
        old, new = there.get(name), asked.get(name)
        if old != new:
            raise UserError(
                f"{path} was made with {name} = {old!r}, now it is {new!r}; "
                "use another folder, or delete it to start anew"
            )


def check_fits(path: Path, module: nn.Module, there: dict[str, Any]) -> None:
    """Refuse a checkpoint of another network.

    Raises:
        UserError: names the first parameter that is missing, left over, or of another shape.
    """
    here = {name: tuple(getattr(value, "shape", ())) for name, value in module.state_dict().items()}
    kept = {name: tuple(getattr(value, "shape", ())) for name, value in there.items()}
    for name in [*here, *kept]:
        if here.get(name) != kept.get(name):
            raise UserError(
                f"{path} is of another network: {name} is {kept.get(name, 'not there')}, "
                f"now {here.get(name, 'not wanted')}; use another folder, or delete it to start anew"
            )


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
