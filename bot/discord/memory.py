"""What the bot posted before it can remember: its own recent messages, found by the buttons they carry.

Discord enforces a nonce for minutes only. After a longer outage the room itself is asked whether a film is there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import discord

from bot.discord.controls import ids_in

MESSAGES_READ = 100
"""One request to Discord."""
KEPT_S = 5.0
"""How long one look serves several requests of the same room."""
ROOMS_MAX = 256

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Room:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    read_s: float = float("-inf")
    messages: Mapping[str, int] = field(default_factory=dict[str, int])
    """Message by custom_id; the newest where there are several."""


class Memory:
    """Recent own messages by custom_id, for each channel."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._rooms: OrderedDict[int, _Room] = OrderedDict()

    async def find(self, channel: discord.PartialMessageable, me: int, wanted: Collection[str]) -> int | None:
        """The newest own message in the channel with one of these ids. Raises as Discord answers."""
        room = self._rooms.setdefault(channel.id, _Room())
        self._rooms.move_to_end(channel.id)
        while len(self._rooms) > ROOMS_MAX:
            self._rooms.popitem(last=False)
        async with room.lock:
            if self._monotonic() - room.read_s > KEPT_S:
                room.messages = await _own_messages(channel, me)
                room.read_s = self._monotonic()
        return next((room.messages[custom_id] for custom_id in wanted if custom_id in room.messages), None)


async def _own_messages(channel: discord.PartialMessageable, me: int) -> dict[str, int]:
    found: dict[str, int] = {}
    async for message in channel.history(limit=MESSAGES_READ):
        if message.author.id == me:
            for custom_id in ids_in(message.components):
                found.setdefault(custom_id, message.id)
    return found
