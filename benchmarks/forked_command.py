"""A metaclr command forked from this process, which has imported metaclr: a kill costs no seconds of imports."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
import uuid
from collections.abc import Sequence
from pathlib import Path

MARK = "METACLR_KILL_MARK"
"""Environment variable by which all processes of a command are found, its workers included."""


class Command:
    """A command in a process group of its own; stdout and stderr go to a file in `base`."""

    def __init__(self, arguments: Sequence[str], base: Path, cache: Path) -> None:
        """Start it, with `base`/home as its home and working folder and `cache` as metaclr's cache."""
        self.log = base / "logs" / uuid.uuid4().hex[:8]
        self.mark = uuid.uuid4().hex
        for name in ("home", "tmp", "logs"):
            (base / name).mkdir(exist_ok=True)
        self.pid = os.fork()
        if self.pid:
            return
        os.setpgid(0, 0)
        # matplotlib keeps its list of fonts in the home folder otherwise.
        os.environ |= {"HOME": str(base / "home"), "TMPDIR": str(base / "tmp"), "METACLR_CACHE": str(cache),
                       "MPLCONFIGDIR": str(base / "matplotlib"), MARK: self.mark}  # fmt: skip
        os.chdir(base / "home")
        with self.log.open("wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        sys.argv = ["metaclr", *arguments]
        code = 70
        try:
            from metaclr.cli import main

            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def wait(self, seconds: float) -> int | None:
        """Exit code (negative: signal), or None where it still runs after this many seconds."""
        deadline = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                return None
            time.sleep(0.005)

    def kill(self) -> None:
        """SIGKILL of the command itself, not of its workers."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def left(self, seconds: float = 10.0) -> list[str]:
        """Processes of this command that are still there after so many seconds."""
        deadline = time.monotonic() + seconds
        while (alive := self._alive()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return alive

    def output(self) -> str:
        """What it has printed."""
        return self.log.read_text(errors="replace")

    def _alive(self) -> list[str]:
        alive = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes():
                    alive.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
        return alive
