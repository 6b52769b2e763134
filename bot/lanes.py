"""So many calls at once on one platform; of those that wait, endings go first, then the others as they came."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import IntEnum


class Priority(IntEnum):
    """Lower goes first. What only refreshes a message has none: it never waits."""

    FINAL = 0
    """A film, or another ending."""
    STATE = 1


class Lane:
    """A semaphore whose waiters are served by priority. For one event loop."""

    def __init__(self, width: int) -> None:
        self._free = width
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self._tickets = itertools.count()

    @property
    def taken(self) -> bool:
        """Whether a call that came now would wait."""
        return self._free == 0

    @asynccontextmanager
    async def turn(self, priority: Priority) -> AsyncGenerator[None]:
        await self._enter(priority)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, priority: Priority) -> None:
        if self._free:
            self._free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._tickets), place))
        try:
            await place
        except asyncio.CancelledError:
            # The turn may have come in the same moment: then it is the next one's.
            if place.done() and not place.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        while self._waiting:
            _, _, place = heapq.heappop(self._waiting)
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
