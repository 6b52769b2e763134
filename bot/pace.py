"""Work that members can begin at will, and that costs: one at a time for each of them, a few for all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from bot.throttle import Throttle
from storage.errors import RequestRejected

AT_ONCE = 2
PAUSE_S = 10.0
"""After one, before the same member's next."""
MEMBERS_MAX = 2000


class Pace:
    """Of one connection."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._busy: set[str] = set()
        self._pauses = Throttle[str](PAUSE_S, keys_max=MEMBERS_MAX, monotonic=monotonic)

    @asynccontextmanager
    async def turn(self, user_id: str, refusal: str) -> AsyncGenerator[None]:
        """A block for one piece of work. Raises RequestRejected with that sentence where the member's last is too near.

        Work that is refused inside the block costs no pause.
        """
        if user_id in self._busy or not self._pauses.due(user_id):
            raise RequestRejected(refusal, field="request")
        self._busy.add(user_id)
        try:
            async with self._turns:
                yield
        finally:
            self._busy.discard(user_id)
        self._pauses.begin(user_id)
