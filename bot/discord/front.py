"""What all entry points of the adapter share: the desk, the chat, the settings, and what is under way."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import discord

from bot.desk import Desk
from bot.discord.chat import DiscordChat
from bot.discord.placeholders import Placeholders
from bot.discord.uploads import Uploads
from bot.pace import Pace
from storage.clock import Clock
from storage.settings import Settings

SEEN_MAX = 5000
FINISH_S = 10.0
"""At a stop, for requests that are acknowledged and about to be committed."""

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Front:
    """One connection's worth: made anew each time the adapter connects."""

    desk: Desk
    chat: DiscordChat
    settings: Settings
    clock: Clock
    uploads: Uploads
    placeholders: Placeholders
    reposts: Pace = field(default_factory=Pace)
    closing: bool = False
    """The bot stops: nothing new is begun."""
    _seen: OrderedDict[int, None] = field(default_factory=OrderedDict[int, None])
    _errands: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _accepting: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])

    def first_time(self, interaction: discord.Interaction[discord.Client]) -> bool:
        """Whether this delivery of an interaction is its first: the gateway may bring one twice."""
        if interaction.id in self._seen:
            return False
        self._seen[interaction.id] = None
        while len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)
        return True

    def errand(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Something that nobody waits for; dropped when the bot stops."""
        task = asyncio.create_task(work, name=name)
        self._errands.add(task)
        task.add_done_callback(self._errand_done)

    def accepting(self) -> None:
        """The running task has acknowledged a request: a stop waits until it is committed or refused."""
        task = asyncio.current_task()
        if task is not None:
            self._accepting.add(task)
            task.add_done_callback(self._accepting.discard)

    async def close(self) -> None:
        """Finish what is acknowledged, drop the errands. What does not finish in time is found at the next start."""
        self.closing = True
        if self._accepting:
            await asyncio.wait(self._accepting, timeout=FINISH_S)
        # Also what is late: the next connection would find its note while it is still at work.
        late = (*self._accepting, *self._errands)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        self.placeholders.close()

    def _errand_done(self, task: asyncio.Task[None]) -> None:
        self._errands.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("errand failed", extra={"errand": task.get_name()}, exc_info=error)


class Fronted(Protocol):
    """A client with a front: what items that Discord's library makes by itself can reach."""

    front: Front


def front_of(interaction: discord.Interaction[discord.Client]) -> Front:
    return cast(Fronted, interaction.client).front
