"""Updates on their way through the bot: each once, one person's in order, acknowledged when dealt with.

The library's own Application tells Telegram to forget an update as soon as it has read it: a bot that is killed then
has lost it. Here an update counts as open until its handler is through, which is after the commit. One on which the
process has ended twice is refused, and one that takes too long is given up: neither holds up all that come after it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol

from telegram import Update

from bot.telegram.begun import Begun
from storage.failpoints import reach

KNOWN_MAX = 10_000
TRIES = 2
"""Beginnings without an end before an update is refused."""
DEAL_S_MAX = 300.0
"""For one update, its person's earlier ones not counted. Telegram gives 100 at a time, so one that never ended would
make the bot deaf after the next 99."""
REFUSE_S_MAX = 30.0

log = logging.getLogger(__name__)


class Handler(Protocol):
    """Who answers updates."""

    async def handle(self, update: Update) -> None:
        """Returns when all that the update asks for is committed or refused."""
        ...

    async def give_up(self, update: Update, *, late: bool) -> None:
        """Say that nothing comes of it, where anybody waits for an answer. late: it took too long."""
        ...


class Inbox:
    def __init__(self, handler: Handler, begun: Begun, *, deal_s_max: float = DEAL_S_MAX) -> None:
        self._handler = handler
        self._begun = begun
        self._deal_s_max = deal_s_max
        self._open: dict[int, asyncio.Task[None]] = {}
        self._known: OrderedDict[int, None] = OrderedDict()
        self._next: int | None = None
        # The last update of each person: the next one waits for it.
        self._turns: dict[int, asyncio.Task[None]] = {}
        self._suspect = asyncio.Lock()
        self._closing = False

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
        self._pass(number)
        who = _whose(update)
        task = asyncio.create_task(self._deal(update, self._turns.get(who)), name=f"update {number}")
        self._open[number] = task
        self._turns[who] = task
        task.add_done_callback(lambda done: self._dealt(number, who, done))
        return task

    def skip(self, number: int) -> None:
        """An update that nothing can be made of: acknowledged like any other, so that it does not come again."""
        if number not in self._known:
            self._pass(number)

    async def rest(self, timeout_s: float) -> None:
        """Until nothing is open, at most so long."""
        if self._open:
            await asyncio.wait(list(self._open.values()), timeout=timeout_s)

    async def close(self, timeout_s: float) -> None:
        """What is open may finish for so long; what does not is cancelled, and comes again."""
        await self.rest(timeout_s)
        self._closing = True
        left = dict(self._open)
        for task in left.values():
            task.cancel()
        await asyncio.gather(*left.values(), return_exceptions=True)
        for number in left:
            await self._begun.end(number)
        self._begun.close()

    def _pass(self, number: int) -> None:
        self._known[number] = None
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        # The newest, not the highest: after a silent week Telegram counts on from any number.
        self._next = number + 1

    async def _deal(self, update: Update, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait((before,))
        number = update.update_id
        async with self._alone_where_suspect(number):
            times = self._begun.before(number)
            await self._begun.begin(number)
            reach("update.taken")
            try:
                if times < TRIES:
                    await self._handle(update)
                elif times == TRIES:
                    log.error("the bot has ended twice on this update: it is refused", extra={"update": number})
                    await self._give_up(update, late=False)
                else:
                    # Not even its refusal went well.
                    log.error("an update is passed over", extra={"update": number})
            except Exception:
                # Kept open it would come again for ever, and keep all later ones from being forgotten.
                log.exception("an update was not understood", extra={"update": number})
            await self._begun.end(number)
        reach("update.dealt")

    @asynccontextmanager
    async def _alone_where_suspect(self, number: int) -> AsyncGenerator[None]:
        """Those that were open when the process ended go one at a time: none is blamed for what another does."""
        if self._begun.before(number) == 0:
            yield
            return
        async with self._suspect:
            yield

    async def _handle(self, update: Update) -> None:
        try:
            async with asyncio.timeout(self._deal_s_max):
                await self._handler.handle(update)
        except TimeoutError:
            log.error("an update took too long: it is given up", extra={"update": update.update_id})
            await self._give_up(update, late=True)

    async def _give_up(self, update: Update, *, late: bool) -> None:
        try:
            async with asyncio.timeout(REFUSE_S_MAX):
                await self._handler.give_up(update, late=late)
        except TimeoutError:
            log.warning("an update was given up without a word", extra={"update": update.update_id})

    def _dealt(self, number: int, who: int, task: asyncio.Task[None]) -> None:
        if task.cancelled() and self._closing:
            # Stays open for Telegram: the offset must not pass it.
            return
        del self._open[number]
        if self._turns.get(who) is task:
            del self._turns[who]


def _whose(update: Update) -> int:
    sender = update.effective_user or update.effective_chat
    return sender.id if sender is not None else 0
