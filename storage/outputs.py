"""Standard output and standard error whose reader may go away, as in `flipbook try … | head -1`: the program then ends.

A closed output shows in the write that fails. From then on everything written goes to the null device, so that
nothing fails again, not even the interpreter's last flush, and the program is told once.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, cast

EXIT_CLOSED = 141
"""As a shell reports a program that SIGPIPE ended."""
# EIO: the terminal is gone. Windows says EINVAL of a pipe that nobody reads.
_CLOSED = (errno.EPIPE, errno.EIO, errno.EINVAL if os.name == "nt" else errno.EPIPE)


class OutputClosed(SystemExit):
    """Nobody reads what this program writes. Raised in the main thread, where nobody asked to be told instead."""

    def __init__(self) -> None:
        super().__init__(EXIT_CLOSED)


class _Watch:
    """What both streams of one process share."""

    def __init__(self) -> None:
        self.closed = False
        self.listeners: list[Callable[[], object]] = []

    def note(self) -> None:
        """Raises OutputClosed where nobody listens."""
        self.closed = True
        for listener in self.listeners:
            listener()
        if not self.listeners and threading.current_thread() is threading.main_thread():
            raise OutputClosed


_watch = _Watch()


class _Outlet(io.TextIOBase):
    """A stream like the one behind it, but for what happens when its reader has gone."""

    def __init__(self, stream: TextIO, watch: _Watch) -> None:
        self._stream = stream
        self._watch = watch

    def write(self, text: str, /) -> int:
        try:
            return self._stream.write(text)
        except OSError as exc:
            self._give_up(exc)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as exc:
            self._give_up(exc)

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._stream.encoding

    def _give_up(self, error: OSError) -> None:
        if error.errno not in _CLOSED:
            raise error
        # What is still buffered goes there too, at the next flush.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, self._stream.fileno())
        finally:
            os.close(nowhere)
        self._watch.note()


@contextmanager
def end_when_closed() -> Generator[None]:
    """Watch standard output and standard error until the block ends.

    Raises OutputClosed (a SystemExit) at the end where one of them was closed, whatever the block returned. In between
    it is raised by a write of the main thread, or else whoever asked with `when_closed` is told.
    """
    before = sys.stdout, sys.stderr
    for stream in before:
        # A narrow console (Windows code pages, LANG=C) gets "?" for what it cannot show, never a crash.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.stdout, sys.stderr = (_outlet(stream) for stream in before)
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            closed, _watch.closed = _watch.closed, False
            sys.stdout, sys.stderr = before
        if closed:
            raise OutputClosed


@contextmanager
def when_closed(listener: Callable[[], object]) -> Generator[None]:
    """Call back once an output is closed, from any thread, until the block ends; at once where it is closed already."""
    _watch.listeners.append(listener)
    try:
        if _watch.closed:
            listener()
        yield
    finally:
        _watch.listeners.remove(listener)


def _outlet(stream: TextIO | None) -> TextIO:
    if stream is None:
        # Closed before the program began (`>&-`), or a Windows program without a console.
        return Path(os.devnull).open("w", encoding="utf-8")
    try:
        stream.fileno()
    except (OSError, ValueError):
        return stream
    return cast(TextIO, _Outlet(stream, _watch))
