"""Messages and progress on stderr: a live line in a terminal or a notebook, plain lines when piped."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


def is_main_process() -> bool:
    """Whether this process prints messages: with several ranks (torchrun) only rank 0 does."""
    return os.environ.get("WORLD_SIZE", "1") == "1" or os.environ.get("RANK", "0") == "0"


def notify(message: str) -> None:
    """Print one line on stderr; only results go to stdout."""
    if is_main_process():
        print(message, file=sys.stderr, flush=True)


def in_notebook() -> bool:
    """Whether stderr is the output of a notebook cell."""
    return type(sys.stderr).__module__.partition(".")[0] == "ipykernel"


def is_live() -> bool:
    """Whether a line can be written over."""
    return sys.stderr.isatty() or in_notebook()


_ERASE = {False: "\r\x1b[2K", True: "\r" + 100 * " " + "\r"}
"""Erases the line, by whether in a notebook: those know the carriage return alone."""


def span(seconds: float) -> str:
    """A duration in seconds as text: '42 s', '3 min 05 s', '2 h 10 min'."""
    rounded = round(seconds)
    if rounded < 60:
        return f"{rounded} s"
    if rounded < 3600:
        return f"{rounded // 60} min {rounded % 60:02d} s"
    return f"{rounded // 3600} h {rounded % 3600 // 60:02d} min"


@dataclass
class Progress:
    """Progress of one task: a live line in a terminal or a notebook; when piped, a plain one every `every` seconds."""

    title: str
    every: float = 15.0
    quiet: bool = False
    known_after: int = 1
    """Units to be done before the time left is shown: of runs side by side the first to end says little."""
    _first: tuple[float, int] | None = None
    _printed: float = field(default_factory=time.monotonic)

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Report `done` of `total`, with the time left."""
        if self.quiet or not is_main_process():
            return
        now = time.monotonic()
        left = self.seconds_left(now, done, total)
        live = is_live()
        if now - self._printed < (0.2 if live else self.every) and done < total:
            return
        self._printed = now
        line = f"{self.title}  {done}/{total}  {note}" + ("" if left is None else f"  {span(left)} left")
        if live:
            print(f"{_ERASE[in_notebook()]}{line}", end="", file=sys.stderr, flush=True)
        elif done < total:
            notify(line)

    def seconds_left(self, now: float, done: int, total: int) -> float | None:
        """Seconds left at the rate since the first call; None until the rate is known, which takes two calls.

        The first call only starts the clock: start-up (imports, compiling, the first batch, a resumed run's earlier
        steps) says nothing about the rate.
        """
        if self._first is None or done < self._first[1]:
            self._first = now, done
        began, start = self._first
        return (now - began) / (done - start) * (total - done) if done - start >= max(1, self.known_after) else None


@contextmanager
def progress(title: str, *, quiet: bool = False, known_after: int = 1) -> Iterator[Progress]:
    """A Progress whose live line is erased when the block ends."""
    bar = Progress(title, quiet=quiet, known_after=known_after)
    try:
        yield bar
    finally:
        if not quiet and is_main_process() and is_live():
            print(_ERASE[in_notebook()], end="", file=sys.stderr, flush=True)
