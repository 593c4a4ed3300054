"""What long work tells the person waiting: a live line in a terminal, plain lines when piped."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


def is_main_process() -> bool:
    """Whether this process talks to the reader: of several ranks (torchrun numbers them) only the first does."""
    return os.environ.get("WORLD_SIZE", "1") == "1" or os.environ.get("RANK", "0") == "0"


def notify(message: str) -> None:
    """One line for the reader. Progress and remarks go to stderr; only results go to stdout."""
    if is_main_process():
        print(message, file=sys.stderr, flush=True)


def span(seconds: float) -> str:
    """A duration as people say it: '42 s', '3 min 05 s', '2 h 10 min'."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


@dataclass
class Progress:
    """Progress of one long piece of work in a terminal; when piped, a plain line every `every` seconds."""

    title: str
    every: float = 15.0
    quiet: bool = False
    _began: float = field(default_factory=time.monotonic)
    _said: float = field(default_factory=time.monotonic)

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Say how far it is: `done` of `total`, with the time left at the rate so far."""
        if self.quiet or not is_main_process():
            return
        now = time.monotonic()
        live = sys.stderr.isatty()
        if now - self._said < (0.2 if live else self.every) and done < total:
            return
        self._said = now
        left = (now - self._began) / done * (total - done) if done else 0.0
        line = f"{self.title}  {done}/{total}  {note}  {span(left)} left"
        if live:
            print(f"\r\x1b[2K{line}", end="", file=sys.stderr, flush=True)
        elif done < total:
            notify(line)


@contextmanager
def progress(title: str, *, quiet: bool = False) -> Iterator[Progress]:
    """A Progress whose live line is wiped when the work ends."""
    bar = Progress(title, quiet=quiet)
    try:
        yield bar
    finally:
        if not quiet and is_main_process() and sys.stderr.isatty():
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
