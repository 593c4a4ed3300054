"""Files that are whole or absent, never half-written, whenever the process is killed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file so that a reader sees the old content or the new, whole, even after SIGKILL.

    Text is UTF-8 with line feeds as given. Missing folders are made.

    Raises:
        OSError: the folder cannot be written or the disk is full; what was there stays as it was.
    """
    path = Path(path)
    with replacing(path, path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing(path: Path, fresh: Path | None = None) -> Iterator[BinaryIO]:
    """A new file to write: its bytes reach the disk, and then it takes the name `path` in one step.

    fresh: where the bytes go first, in the same folder; by default `path` with .new, which is for a file that one
    process writes: what a killed write leaves there, the next one takes away.

    Raises:
        Whatever the writer raises, OSError included; what was there stays as it was, and the new file is removed.
    """
    fresh = fresh or path.with_name(f"{path.name}.new")
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
    # The new name itself must survive a power cut; not every system lets a folder be opened.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
