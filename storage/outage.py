"""Waiting for a database that cannot be used at the moment, and saying so once instead of at every try."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from storage.errors import DatabaseTrouble

WAIT_S_MIN, WAIT_S_MAX = 0.25, 5.0

T = TypeVar("T")

log = logging.getLogger(__name__)


def waits() -> Iterator[float]:
    """Seconds before the next try, doubling from WAIT_S_MIN to WAIT_S_MAX, without end."""
    wait_s = WAIT_S_MIN
    while True:
        yield wait_s
        wait_s = min(WAIT_S_MAX, 2 * wait_s)


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """Call again and again, with back-off, while the database cannot be used.

    For what has happened already and must be written down. Ends with the result, with any other error, or cancelled.
    """
    for wait_s in waits():
        try:
            return await call()
        except DatabaseTrouble:
            await asyncio.sleep(wait_s)
    raise AssertionError("waits() has no end")


class Repeats:
    """Failures in a row, of which the first, second, fourth, eighth, … are worth a line in the log."""

    def __init__(self) -> None:
        self.count = 0

    def again(self) -> bool:
        """One more; whether to log it."""
        self.count += 1
        return self.count & (self.count - 1) == 0

    def over(self) -> None:
        self.count = 0


class Outage:
    """Whether the database server is away: one line when it goes, one when it is back."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._since_s: float | None = None
        self._tries = 0
        self._ended_s = float("-inf")

    def met(self, reason: BaseException | None) -> None:
        """A call failed because the server is away."""
        self._tries += 1
        if self._since_s is None:
            self._since_s = self._monotonic()
            log.error("the database is away; everything waits for it", extra={"reason": _first_line(reason)})

    def over(self) -> None:
        """A call succeeded."""
        if self._since_s is not None:
            self._ended_s = self._monotonic()
            away_s = round(self._ended_s - self._since_s, 1)
            log.warning("the database is back", extra={"away_s": away_s, "tries": self._tries})
            self._since_s, self._tries = None, 0

    def over_for_s(self) -> float:
        """Seconds since the last outage ended: 0 during one, infinite where there was none."""
        return 0.0 if self._since_s is not None else self._monotonic() - self._ended_s


def _first_line(reason: BaseException | None) -> str:
    lines = str(getattr(reason, "orig", reason)).strip().splitlines()
    return lines[0] if lines else type(reason).__name__
