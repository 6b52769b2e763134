"""Stop signals as callbacks on the event loop, the same way on Linux and Windows."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP") if hasattr(signal, name)
)
"""Ctrl-C, a service manager's stop, Ctrl-Break (Windows), the terminal's end (POSIX)."""


@contextmanager
def on_stop(callback: Callable[[], None]) -> Generator[None]:
    """Call back on the running loop for every stop signal, until the block ends. Main thread only."""
    loop = asyncio.get_running_loop()

    def handle(_number: int, _frame: object) -> None:
        # Windows has no loop.add_signal_handler; this works everywhere.
        with suppress(RuntimeError):  # the loop has just closed
            loop.call_soon_threadsafe(callback)

    before = {number: signal.signal(number, handle) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
