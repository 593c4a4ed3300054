"""Atomic writes: files are complete or absent, whenever the process is killed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from metaclr.errors import UserError


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file so that a reader sees the complete old or the complete new content, even after SIGKILL.

    Text is encoded as UTF-8, without changing line ends. Missing folders are created.

    Raises:
        OSError: the folder cannot be written or the disk is full; the old content is unchanged.
    """
    with replacing(Path(path)) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def check_output_file(path: Path) -> None:
    """Refuse a name for a new file that is empty, a folder, or a device, which an atomic write would replace.

    Raises:
        UserError: says which.
    """
    if path.is_dir():  # Path("") is the working folder
        raise UserError(f"--out {str(path)!r} is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise UserError(f"--out {path} is a device or a pipe; name a file")


def is_file(path: Path) -> bool:
    """Whether `path` is a file; False also for a path that the system refuses (NUL, too long, no permission)."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file to write; after the block it is flushed to the disk and takes the name `path` in one step.

    Its temporary name is unique to this write; `comparison.folders.leftovers` removes those of killed processes.

    Raises:
        Whatever the block raises, OSError included; the old file is then unchanged, and the new one removed.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with fresh.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # Makes the rename survive a power failure; not every system lets a folder be opened.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
