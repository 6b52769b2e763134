"""So many calls at once on one platform and in one room of it; of those that wait, endings go first.

A room that is slow, or one whose films are large, holds up only itself.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum

ASIDE_MAX = 2
"""Films made smaller at once, for each platform: each takes a core for up to minutes."""


class Priority(IntEnum):
    """Lower goes first. What only refreshes a message has none: it never waits."""

    FINAL = 0
    """A film, or another ending."""
    STATE = 1


@dataclass(frozen=True, slots=True, order=True)
class _Waiting:
    priority: Priority
    ticket: int
    room: str = field(compare=False)
    begins: asyncio.Future[None] = field(compare=False)


@dataclass(frozen=True, slots=True)
class _Turn:
    lane: Lane
    priority: Priority
    room: str


_turn_of_task: ContextVar[_Turn | None] = ContextVar("turn", default=None)


class Lane:
    """A semaphore with one more inside it for each room, whose waiters are served by priority. For one event loop."""

    def __init__(self, width: int, *, per_room: int) -> None:
        self._free = width
        self._per_room = per_room
        self._in_room: Counter[str] = Counter()
        self._waiting: list[_Waiting] = []
        self._tickets = itertools.count()
        self._aside = asyncio.Semaphore(ASIDE_MAX)

    def taken(self, room: str) -> bool:
        """Whether a call that came now would wait."""
        return self._free <= 0 or self._in_room[room] >= self._per_room

    @asynccontextmanager
    async def turn(self, priority: Priority, room: str) -> AsyncGenerator[None]:
        """A call in this room. Not to be nested."""
        await self._enter(priority, room)
        token = _turn_of_task.set(_Turn(self, priority, room))
        try:
            yield
        finally:
            _turn_of_task.reset(token)
            self._leave(room)

    @asynccontextmanager
    async def given_back(self, priority: Priority, room: str) -> AsyncGenerator[None]:
        """Others may call meanwhile; what is done here instead is bounded too. It is left with a turn, as it came."""
        self._leave(room)
        try:
            async with self._aside:
                yield
            await self._enter(priority, room)
        except BaseException:
            # Whoever holds the turn gives it back now, and waits for nothing any more.
            self._take(room)
            raise

    async def _enter(self, priority: Priority, room: str) -> None:
        if not self.taken(room):
            self._take(room)
            return
        place = _Waiting(priority, next(self._tickets), room, asyncio.get_running_loop().create_future())
        bisect.insort(self._waiting, place)
        try:
            await place.begins
        except asyncio.CancelledError:
            if place.begins.done() and not place.begins.cancelled():
                # The turn came in the same moment: then it is the next one's.
                self._leave(room)
            else:
                self._waiting.remove(place)
            raise

    def _take(self, room: str) -> None:
        self._free -= 1
        self._in_room[room] += 1

    def _leave(self, room: str) -> None:
        self._free += 1
        self._in_room[room] -= 1
        if not self._in_room[room]:
            del self._in_room[room]
        for place in list(self._waiting):
            if place.begins.done() or self.taken(place.room):
                continue
            self._take(place.room)
            self._waiting.remove(place)
            place.begins.set_result(None)


@asynccontextmanager
async def aside() -> AsyncGenerator[None]:
    """Give this task's turn back while something slow happens on this machine alone, and take another afterwards."""
    turn = _turn_of_task.get()
    if turn is None:
        yield
        return
    async with turn.lane.given_back(turn.priority, turn.room):
        yield
