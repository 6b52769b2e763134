"""The line between the event loop and the one thread that draws: a wish one way, signs of life the other."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from enum import StrEnum
from typing import Any, TypeVar

from storage.failpoints import reach
from storage.jobs import Part, Progress

T = TypeVar("T")


class Halt(StrEnum):
    """Why a film should stop before it is finished."""

    CANCEL = "cancel"
    """Its member does not want it any more."""
    STOP = "stop"
    """The engine goes, or the owner wants the card; the film goes on later."""
    STALE = "stale"
    """Another engine has it; this one writes nothing more."""


class Halted(Exception):
    """Raised in the drawing thread, between two transformer blocks, once a halt is wanted."""

    def __init__(self, halt: Halt) -> None:
        super().__init__(halt.value)
        self.halt = halt
        self.part: Part | None = None
        """What was drawn of the section under way; None where none was."""


class Link:
    """One film's line. The loop calls `want`, `idle_s`, `waiting` and `newest`; the drawing thread all the rest."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._halt: Halt | None = None
        self._pulse_s = time.monotonic()
        self._progress: Progress | None = None

    def want(self, halt: Halt) -> None:
        """Ask the film to stop. A stale claim outranks the rest: after it nothing may be written."""
        with self._lock:
            if self._halt is None or halt is Halt.STALE:
                self._halt = halt

    @property
    def idle_s(self) -> float:
        """Seconds since the drawing thread last showed that it moves."""
        return time.monotonic() - self._pulse_s

    def waiting(self) -> None:
        """The loop has not finished yet what the drawing thread waits for: that is no standstill of the thread."""
        self._pulse_s = time.monotonic()

    def newest(self) -> Progress | None:
        """The latest report not yet taken; older ones are gone, as they should be."""
        with self._lock:
            progress, self._progress = self._progress, None
        return progress

    def pulse(self) -> None:
        """I move. Raises Halted where the film should stop; called between transformer blocks."""
        self._pulse_s = time.monotonic()
        reach("draw.block")
        if self._halt is not None:
            raise Halted(self._halt)

    def report(self, progress: Progress) -> None:
        """Replaces what is not yet published."""
        with self._lock:
            self._progress = progress

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for it: what it writes is durable when this returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
