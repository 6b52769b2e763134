"""Stop signals as callbacks on the event loop, the same way on Linux and Windows."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP") if hasattr(signal, name)
)
"""Ctrl-C, a service manager's stop, Ctrl-Break (Windows), the terminal's end (POSIX)."""


END_SIGNALS = tuple(number for number in STOP_SIGNALS if number != signal.SIGINT)
"""Those that mean the program's end, where Ctrl-C may mean the end of what it is doing."""


@contextmanager
def on_stop(
    callback: Callable[[], None], signals: Sequence[signal.Signals] = STOP_SIGNALS, *, end_s: float | None = None
) -> Generator[None]:
    """Call back on the running loop for every such signal, until the block ends. Main thread only.

    end_s: the process ends so long after the first signal even where it is stuck, such as in a write to a terminal
    that takes nothing; None lets it take its time.
    """
    loop = asyncio.get_running_loop()
    ending = False

    def handle(number: int, _frame: object) -> None:
        nonlocal ending
        if end_s is not None and not ending:
            ending = True
            # Not ended with the block: what hangs may be the interpreter's own end, which waits for its threads.
            last_resort = threading.Timer(end_s, os._exit, (128 + number,))
            last_resort.daemon = True
            last_resort.start()
        # Windows has no loop.add_signal_handler; this works everywhere.
        with suppress(RuntimeError):  # the loop has just closed
            loop.call_soon_threadsafe(callback)

    before = {number: signal.signal(number, handle) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
