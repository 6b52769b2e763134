"""Messages that must go are taken away by the relay: asked for as often as it takes, also by the next bot process."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress

from bot.chat import Chat, ChatUnavailable, MessageGone, PlaceClosed
from bot.lanes import Lane, Priority
from storage.store import Removal, Store

REMOVALS_PER_PASS = 50
RETRY_MS_MIN, RETRY_MS_MAX = 1_000, 120_000

log = logging.getLogger(__name__)


class Remover:
    """The part of the relay that takes away. What it is to take away, the store says."""

    def __init__(self, store: Store, chats: Mapping[str, Chat], *, busy: set[int]) -> None:
        """busy: requests about which a call is under way, shared with the relay."""
        self._store = store
        self._chats = chats
        self._busy = busy

    async def start(self, group: asyncio.TaskGroup, lane: Callable[[Chat], Lane]) -> None:
        """Begin what is due, one request's messages after one another."""
        busy = frozenset(self._busy)
        due: defaultdict[int, list[Removal]] = defaultdict(list)
        for removal in await self._store.removals_due(limit=REMOVALS_PER_PASS):
            if removal.request_id not in busy:
                due[removal.request_id].append(removal)
        for request_id, removals in due.items():
            self._busy.add(request_id)
            group.create_task(self._take_away(request_id, removals, lane))

    async def _take_away(self, request_id: int, removals: list[Removal], lane: Callable[[Chat], Lane]) -> None:
        try:
            for removal in removals:
                chat = self._chats.get(removal.ref.platform)
                if chat is None:
                    await self._store.removal_retry(removal.ref, after_ms=RETRY_MS_MAX)
                    continue
                async with lane(chat).turn(Priority.STATE, removal.ref.chat_id):
                    await self._remove(chat, removal)
        finally:
            self._busy.discard(request_id)

    async def _remove(self, chat: Chat, removal: Removal) -> None:
        after_ms = min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** min(removal.tries, 20))
        try:
            with suppress(MessageGone):
                await chat.remove(removal.ref)
        except ChatUnavailable as exc:
            after_ms = after_ms if exc.after_s is None else round(1000 * exc.after_s)
            await self._store.removal_retry(removal.ref, after_ms=after_ms)
        except PlaceClosed as exc:
            # Nothing of the bot's own can be taken away there any more: whoever closed it can.
            log.warning("a message stays in a closed chat", extra={"request_id": removal.request_id, "reason": exc})
            await self._store.removed(removal.ref)
        except Exception:
            log.exception("message not taken away", extra={"request_id": removal.request_id})
            await self._store.removal_retry(removal.ref, after_ms=after_ms)
        else:
            await self._store.removed(removal.ref)
