"""SIGINT and SIGTERM as a flag that the loop reads between steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Stop:
    """`number` is that of the received signal, 0 before one arrives."""

    number: int = 0


@contextmanager
def listening() -> Iterator[Stop]:
    """Catch SIGINT and SIGTERM during the block; a second signal raises KeyboardInterrupt at once.

    Only the main thread may catch signals; in another thread the flag stays 0.
    """
    stop = Stop()

    def catch(number: int, _frame: FrameType | None) -> None:
        if stop.number:
            raise KeyboardInterrupt
        stop.number = number

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, catch) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
