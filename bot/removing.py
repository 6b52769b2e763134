"""Messages that must go are taken away by the relay: asked for as often as it takes, also by the next bot process."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress

from bot.chat import Chat, ChatUnavailable, MessageGone, PlaceClosed, PlaceGone
from bot.lanes import Lane, Priority
from storage.store import Removal, Store

REMOVALS_PER_PASS = 50
RETRY_MS_MIN, RETRY_MS_MAX = 1_000, 120_000
CLOSED_MS_MAX = 600_000
"""Between two looks at a chat that is closed to the bot: each is a refused call."""

log = logging.getLogger(__name__)


def closed_retry_ms(tries: int) -> int:
    """How long a chat that is closed to the bot is left alone."""
    return min(CLOSED_MS_MAX, RETRY_MS_MIN * 2 ** min(tries, 20))


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
        except PlaceGone:
            await self._store.removed(removal.ref)
        except PlaceClosed as exc:
            # Whoever closed it may open it again, and can take the message away meanwhile.
            if removal.tries == 0:
                log.warning("a message stays in a closed chat", extra={"request_id": removal.request_id, "reason": exc})
            await self._store.removal_retry(removal.ref, after_ms=closed_retry_ms(removal.tries))
        except Exception:
            log.exception("message not taken away", extra={"request_id": removal.request_id})
            await self._store.removal_retry(removal.ref, after_ms=after_ms)
        else:
            await self._store.removed(removal.ref)
