"""So many at a time, and fairly: a member who brings much waits for themselves, not others for them."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress


class Turns:
    """A semaphore with a share for each member. Who had a turn goes behind the others that wait."""

    def __init__(self, at_once: int, *, each: int = 1) -> None:
        """at_once: turns in all.  each: turns of one member."""
        self._free = at_once
        self._each = each
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, whose: str) -> AsyncGenerator[None]:
        """whose: any name for a member that is theirs alone."""
        await self._take(whose)
        try:
            yield
        finally:
            self._give_back(whose)

    async def _take(self, whose: str) -> None:
        if self._free and self._held[whose] < self._each:
            # Whoever waits has their share already.
            self._hand_to(whose)
            return
        turn = asyncio.get_running_loop().create_future()
        own = self._waiting.setdefault(whose, deque())
        own.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # passed over already
                    own.remove(turn)
                if not own and self._waiting.get(whose) is own:
                    del self._waiting[whose]
            else:  # it came in the same moment
                self._give_back(whose)
            raise

    def _hand_to(self, whose: str) -> None:
        self._free -= 1
        self._held[whose] += 1

    def _give_back(self, whose: str) -> None:
        self._free += 1
        self._held[whose] -= 1
        if not self._held[whose]:
            del self._held[whose]
        while self._free and (name := self._next()) is not None:
            own = self._waiting.pop(name)
            turn = own.popleft()
            if own:
                self._waiting[name] = own
            if not turn.cancelled():
                self._hand_to(name)
                turn.set_result(None)

    def _next(self) -> str | None:
        return next((name for name in self._waiting if self._held[name] < self._each), None)
