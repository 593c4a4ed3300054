"""One process at a time works in a folder of results: a lock file that names its owner."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from metaclr.errors import UserError
from metaclr.process import is_running, start_time

NAME = ".metaclr.lock"


@dataclass(frozen=True)
class Owner:
    """The process that works in a folder. started: its start time in clock ticks since boot, 0 where unknown."""

    pid: int
    host: str
    since: str
    started: int = 0


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Be the only process that works in `folder` while the block runs.

    The lock of a process of this machine that has died is taken over. The lock appears in one step with its whole
    content (a hard link, which is atomic on NFS too); file systems without hard links create it exclusively.

    Raises:
        UserError: not a folder; or another process has it (pid, host, since when), or had it on another machine.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    lock = folder / NAME
    me = Owner(os.getpid(), socket.gethostname(), datetime.now().astimezone().isoformat(timespec="seconds"),
               start_time(os.getpid()))  # fmt: skip
    with _one_at_a_time(folder):
        if not _create(lock, me):
            owner = _read(lock)
            if owner is not None:
                _refuse_living(folder, lock, owner)
            lock.unlink(missing_ok=True)
            if not _create(lock, me):
                raise UserError(f"--out {folder} is in use by another process; name another --out")
    try:
        yield
    finally:
        # A forked child leaves the block too, and must not release its parent's folder.
        if os.getpid() == me.pid and _read(lock) == me:
            lock.unlink(missing_ok=True)


def is_in_use(folder: Path) -> bool:
    """Whether a living process works in a folder; of another machine's process, whether it left its lock."""
    owner = _read(folder / NAME)
    if owner is None:
        return False
    return owner.host != socket.gethostname() or is_running(owner.pid, owner.started)


def _refuse_living(folder: Path, lock: Path, owner: Owner) -> None:
    line = f"--out {folder} is in use by process {owner.pid} on {owner.host} since {owner.since}"
    if owner.host != socket.gethostname():
        raise UserError(f"{line}; name another --out, or, if that process has ended: rm '{lock}'")
    if is_running(owner.pid, owner.started):
        raise UserError(f"{line}; wait for it, or name another --out")


def _create(lock: Path, owner: Owner) -> bool:
    """Create the lock with its content; False where it exists."""
    fresh = lock.with_name(f"{NAME}.{owner.pid}-{secrets.token_hex(4)}")
    text = json.dumps(asdict(owner))
    try:
        fresh.write_text(text, encoding="utf-8")
        os.link(fresh, lock)
    except FileExistsError:
        return False
    except OSError as error:
        if not fresh.exists():
            raise UserError(f"--out {lock.parent}: {error.strerror}") from error
        try:
            with lock.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            return False
    finally:
        fresh.unlink(missing_ok=True)
    return True


def _read(lock: Path) -> Owner | None:
    """The owner of a lock; None for a file that is missing or damaged (its writer died while writing)."""
    try:
        return Owner(**json.loads(lock.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process of this machine at a time look at the lock and take it over."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems have no such locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
