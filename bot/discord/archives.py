"""Archived threads: they take no edit and no deletion, but are no closed place.

A thread is archived when nobody has written in it for a while. What is owed there is done all the same: the thread is
woken, and archived again afterwards where the bot may do that. Only a locked one needs a moderator.
Source: Discord's documentation, "Threads" and "Modify channel"; error 50083.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar
from weakref import WeakValueDictionary

import discord

from bot.chat import ChatUnavailable, PlaceClosed
from bot.discord.errors import ThreadArchived, translated

T = TypeVar("T")

log = logging.getLogger(__name__)


class Archives:
    """Of one adapter."""

    def __init__(self) -> None:
        # Two that work in one thread would archive it under each other's hands.
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def act(
        self, client: discord.Client, channel_id: int, call: Callable[[], Awaitable[T]], *, leave_awake: bool
    ) -> T:
        """The result of `call`, which is made a second time where it finds its thread archived.

        leave_awake: more is about to follow there, such as the film. Raises PlaceClosed where the thread is locked and
        the bot does not manage threads, and as `call` does.
        """
        try:
            return await call()
        except ThreadArchived:
            pass
        lock = self._locks.setdefault(channel_id, asyncio.Lock())
        async with lock:
            thread = await _woken(client, channel_id)
            try:
                return await call()
            except ThreadArchived as exc:
                raise ChatUnavailable("the thread was archived again") from exc
            finally:
                if thread is not None and not leave_awake and _may_archive(thread):
                    await _archive(thread)


async def _woken(client: discord.Client, channel_id: int) -> discord.Thread | None:
    """The thread as it was, where it had to be woken."""
    with translated():
        thread = await client.fetch_channel(channel_id)
        if not isinstance(thread, discord.Thread) or not thread.archived:
            return None
        if thread.locked and not _manages(thread):
            raise PlaceClosed("the thread is locked")
        await thread.edit(archived=False)
    return thread


def _manages(thread: discord.Thread) -> bool:
    # Without its parent nobody can tell; then what may be done without the right is done.
    return thread.parent is not None and thread.permissions_for(thread.guild.me).manage_threads


def _may_archive(thread: discord.Thread) -> bool:
    return _manages(thread) or thread.owner_id == thread.guild.me.id


async def _archive(thread: discord.Thread) -> None:
    try:
        with translated():
            await thread.edit(archived=True)
    except (ChatUnavailable, PlaceClosed, discord.HTTPException) as exc:
        # What was owed is done, and Discord archives the thread itself in time.
        log.info("thread left awake", extra={"reason": exc})
