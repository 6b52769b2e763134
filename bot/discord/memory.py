"""What the bot posted before it can remember: its own messages in a room, found by the buttons they carry.

Discord enforces a nonce for minutes only. After a longer outage the room itself is asked whether a film is there: its
newest messages, and, where others have talked much since, those that followed the moment when it was first sent.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterable, Callable, Collection
from dataclasses import dataclass, field

import discord

from bot.discord.controls import ids_in

MESSAGES_READ = 100
"""One request to Discord."""
KEPT_S = 5.0
"""How long one look serves several requests of the same room."""
ROOMS_MAX = 256
SKEW_MS = 60_000
"""How far this host's clock may be ahead of Discord's."""


@dataclass(slots=True)
class _Page:
    """Messages that follow each other in a room."""

    own: dict[str, int] = field(default_factory=dict[str, int])
    """The bot's message by custom_id; the newest where there are several."""
    oldest: int = 0
    """Id of the first message; 0 where nothing is older."""


@dataclass(slots=True)
class _Room:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    read_s: float = float("-inf")
    newest: _Page = field(default_factory=_Page)


class Memory:
    """Own messages by custom_id, for each channel."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._rooms: OrderedDict[int, _Room] = OrderedDict()

    async def find(
        self, channel: discord.PartialMessageable, me: int, wanted: Collection[str], *, since_ms: int
    ) -> int | None:
        """An own message with one of these ids, posted at `since_ms` or later. Raises as Discord answers."""
        room = self._rooms.setdefault(channel.id, _Room())
        self._rooms.move_to_end(channel.id)
        while len(self._rooms) > ROOMS_MAX:
            self._rooms.popitem(last=False)
        since = _snowflake(since_ms - SKEW_MS)
        async with room.lock:
            if self._monotonic() - room.read_s > KEPT_S:
                room.newest = await _read(channel.history(limit=MESSAGES_READ), me)
                room.read_s = self._monotonic()
        found = _first(room.newest, wanted)
        if found is not None or room.newest.oldest <= since:
            return found
        after = channel.history(limit=MESSAGES_READ, after=discord.Object(since), oldest_first=True)
        return _first(await _read(after, me), wanted)

    def forget(self, channel_id: int, message_id: int) -> None:
        """The message is not there any more."""
        room = self._rooms.get(channel_id)
        if room is not None:
            for custom_id in [key for key, known in room.newest.own.items() if known == message_id]:
                del room.newest.own[custom_id]


def _snowflake(at_ms: int) -> int:
    """The first id of that millisecond."""
    return max(0, at_ms - discord.utils.DISCORD_EPOCH) << 22


def _first(page: _Page, wanted: Collection[str]) -> int | None:
    return next((page.own[custom_id] for custom_id in wanted if custom_id in page.own), None)


async def _read(messages: AsyncIterable[discord.Message], me: int) -> _Page:
    own: dict[str, int] = {}
    ids: list[int] = []
    async for message in messages:
        ids.append(message.id)
        if message.author.id == me:
            for custom_id in ids_in(message.components):
                own[custom_id] = max(message.id, own.get(custom_id, 0))
    return _Page(own, min(ids) if len(ids) >= MESSAGES_READ else 0)
