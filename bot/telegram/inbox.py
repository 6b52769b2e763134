"""Updates on their way through the bot: each once, one person's in order, acknowledged when dealt with.

The library's own Application tells Telegram to forget an update as soon as it has read it: a bot that is killed then
has lost it. Here an update counts as open until its handler is through, which is after the commit.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from telegram import Update

from storage.failpoints import reach

KNOWN_MAX = 10_000

Handle = Callable[[Update], Awaitable[None]]

log = logging.getLogger(__name__)


class Inbox:
    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._open: dict[int, asyncio.Task[None]] = {}
        self._known: OrderedDict[int, None] = OrderedDict()
        self._next: int | None = None
        # The last update of each person: the next one waits for it.
        self._turns: dict[int, asyncio.Task[None]] = {}

    @property
    def busy(self) -> bool:
        return bool(self._open)

    @property
    def offset(self) -> int | None:
        """The first update that Telegram must not forget yet; None before any was seen."""
        return min(self._open, default=self._next)

    def take(self, update: Update) -> asyncio.Task[None] | None:
        """Begin with it. Again while it is open: the same task; afterwards None, for nothing is to be done."""
        number = update.update_id
        if (task := self._open.get(number)) is not None:
            return task
        if number in self._known:
            return None
        self._known[number] = None
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        who = _whose(update)
        task = asyncio.create_task(self._deal(update, self._turns.get(who)), name=f"update {number}")
        self._open[number] = task
        # The newest, not the highest: after a silent week Telegram counts on from any number.
        self._next = number + 1
        self._turns[who] = task
        task.add_done_callback(lambda done: self._dealt(number, who, done))
        return task

    async def rest(self, timeout_s: float) -> None:
        """Until nothing is open, at most so long."""
        if self._open:
            await asyncio.wait(list(self._open.values()), timeout=timeout_s)

    async def close(self, timeout_s: float) -> None:
        """What is open may finish for so long; what does not is cancelled, and comes again."""
        await self.rest(timeout_s)
        left = list(self._open.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _deal(self, update: Update, before: asyncio.Task[None] | None) -> None:
        reach("update.taken")
        if before is not None:
            await asyncio.wait((before,))
        try:
            await self._handle(update)
        except Exception:
            # Kept open it would come again for ever, and keep all later ones from being forgotten.
            log.exception("an update was not understood", extra={"update": update.update_id})
        reach("update.dealt")

    def _dealt(self, number: int, who: int, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            # Stays open for Telegram: the offset must not pass it.
            return
        del self._open[number]
        if self._turns.get(who) is task:
            del self._turns[who]


def _whose(update: Update) -> int:
    sender = update.effective_user or update.effective_chat
    return sender.id if sender is not None else 0
