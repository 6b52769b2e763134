"""Noticing commits, those of other processes too, by asking the database's pulse four times a second."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import ContextVar

from storage.source import Pulse

POLL_S = 0.25


class Watch:
    """Tells whoever asks that somebody committed since they last looked at the database.

    What was seen is kept in the context of each flow of control, so that no task takes a change away from
    another, and so that asking in a child task knows what its parent has seen.
    """

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse
        self._polling = asyncio.Lock()
        self._beat: object = None
        self._generation = 0
        # One for each database, of which a process has one.
        self._seen: ContextVar[int | None] = ContextVar("seen", default=None)
        self._nudge = asyncio.Event()

    def looking(self) -> None:
        """The caller begins to look at the database: what was committed before is no news to it."""
        # A commit that no poll has met yet is told once too often rather than once too little.
        self._seen.set(self._generation)

    async def changed(self, *, timeout_s: float) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            nudge = self._nudge
            generation = await self._poll()
            if generation != self._seen.get():
                self._seen.set(generation)
                return True
            left_s = deadline - loop.time()
            if left_s <= 0:
                return False
            with suppress(TimeoutError):
                async with asyncio.timeout(min(POLL_S, left_s)):
                    await nudge.wait()

    def nudge(self) -> None:
        """This process committed: do not wait for the next poll."""
        self._nudge.set()
        self._nudge = asyncio.Event()

    async def close(self) -> None:
        async with self._polling:
            await self._pulse.close()

    async def _poll(self) -> int:
        # Shielded, and one at a time: a waiter that is cancelled must not leave the connection in use.
        return await asyncio.shield(asyncio.ensure_future(self._look()))

    async def _look(self) -> int:
        async with self._polling:
            beat = await self._pulse.beat()
            if beat != self._beat:
                self._beat = beat
                self._generation += 1
            return self._generation
