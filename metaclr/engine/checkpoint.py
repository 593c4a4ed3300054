"""The checkpoint of a run: one file, complete or absent whatever stops the process or fills the disk.

It is a torch archive and not safetensors, because it holds an optimizer's nested state; `weights_only` unpickles
tensors, numbers, strings, dicts and lists alone, so that reading a stranger's file executes nothing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from metaclr.errors import UserError
from metaclr.files import replacing

NAME = "checkpoint.pt"
FORMAT = 1


class Content(BaseModel):
    """What `TrainingState` stores, checked field by field."""

    model_config = ConfigDict(arbitrary_types_allowed=True, strict=True)

    step: int = Field(ge=0)
    views: int = Field(ge=0)
    settings: dict[str, str | int | float | bool | None]
    learner: dict[str, Any]
    optimizer: dict[str, Any]
    window: dict[str, Any]
    curve: list[dict[str, float]]


def save(folder: Path, content: dict[str, Any]) -> Path:
    """Write `content` (the fields of `Content`) as the folder's checkpoint, durably.

    The bytes go to a second file, are flushed to the disk, and take the checkpoint's name in one step; a killed or
    failed write leaves the previous checkpoint unchanged.

    Raises:
        UserError: it cannot be written (disk full, read-only); the previous checkpoint is unchanged.
    """
    path = folder / NAME
    try:
        with replacing(path) as file:
            torch.save({"format": FORMAT, **content}, file)
    except (OSError, RuntimeError) as error:
        # torch's own writer reports a full disk as a RuntimeError of many lines.
        reason = (error.strerror if isinstance(error, OSError) else None) or _reason(error)
        previous = "the previous one is unchanged" if path.is_file() else "there is no previous one"
        raise UserError(f"checkpoint {path} cannot be written: {reason}; {previous}") from error
    return path


def load(folder: Path | None) -> Content | None:
    """The folder's checkpoint on the CPU, or None if there is none.

    Nothing in the file is executed, and the checksums of its parts are compared.

    Raises:
        UserError: it is damaged, or of another format.
    """
    if folder is None or not (path := folder / NAME).is_file():
        return None
    with reading(path):
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged:
            raise ValueError(f"wrong checksum of {damaged}")
        stored = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(stored, dict):
            raise ValueError(f"holds a {type(stored).__name__}, not a dict")
    version = stored.pop("format", None)
    if version != FORMAT:
        raise UserError(
            f"checkpoint {path} has format {version!r}, this metaclr reads {FORMAT}; delete it to start again"
        )
    with reading(path):
        return Content.model_validate(stored)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn any error while reading the checkpoint's content into one line: a file from outside may hold anything.

    Raises:
        UserError: names the file and, where it is known, the field.
    """
    try:
        yield
    except UserError:
        raise
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise UserError(
            f"checkpoint {path} is damaged ({field}: {first['msg'].lower()}); delete it to start again"
        ) from None
    except Exception as error:
        raise UserError(f"checkpoint {path} is damaged ({_reason(error)}); delete it to start again") from error


def check_same(path: Path, stored: dict[str, Any], current: dict[str, Any]) -> None:
    """Refuse to resume with settings other than those the checkpoint was made with.

    Raises:
        UserError: names the first setting that differs.
    """
    for name in sorted(stored.keys() | current.keys(), key=str):
        old, new = stored.get(name), current.get(name)
        if type(old) is not type(new) or old != new:
            raise UserError(
                f"{path} was made with {name} = {old!r}, now it is {new!r}; "
                "use another folder, or delete it to start again"
            )


def check_fits(path: Path, module: nn.Module, stored: dict[str, Any]) -> None:
    """Refuse a checkpoint of another network.

    Raises:
        UserError: names the first parameter that is missing, unexpected, or of another shape.
    """
    expected = {name: _shape(value) for name, value in module.state_dict().items()}
    given = {name: _shape(value) for name, value in stored.items()}
    for name in [*expected, *given]:
        if expected.get(name) != given.get(name):
            raise UserError(
                f"{path} is of another network: {name} is {given.get(name, 'missing')} there, "
                f"{expected.get(name, 'absent')} here; use another folder, or delete it to start again"
            )


def _shape(value: Any) -> tuple[int, ...] | str:
    return tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
