"""The store as the relay sees it: what chats must still show, and which messages show it."""

from __future__ import annotations

from storage.clock import Clock
from storage.database import Database
from storage.jobs import MessageRef
from storage.store import outbox
from storage.store.outbox import OutboxItem
from storage.words import MessageKind


class Showing:
    """Every method that changes something is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def outbox_due(self, *, limit: int = 50) -> list[OutboxItem]:
        """Requests whose newest revision no chat shows yet and is due now, oldest first."""
        return await self._database.read(lambda db: outbox.due(db, self._clock, limit=limit))

    async def message_posted(self, request_id: int, kind: MessageKind, ref: MessageRef, rev: int) -> None:
        """A message of the bot exists and shows `rev`. Again: no change; another `ref` takes the older one's place."""
        await self._database.write(lambda db: outbox.message_posted(db, self._clock, request_id, kind, ref, rev))

    async def message_removed(self, request_id: int, kind: MessageKind) -> None:
        await self._database.write(lambda db: outbox.message_removed(db, request_id, kind))

    async def outbox_sent(self, request_id: int, rev: int) -> None:
        """Revisions up to `rev` are shown. Again: no change."""
        await self._database.write(lambda db: outbox.sent(db, self._clock, request_id, rev))

    async def outbox_retry(self, request_id: int, rev: int, *, after_ms: int) -> None:
        """`rev` could not be shown: it is due again after a while."""
        await self._database.write(lambda db: outbox.retry(db, self._clock, request_id, rev, after_ms=after_ms))

    async def unreachable(self, request_id: int, rev: int) -> bool:
        """The chat takes no message about it for now: nothing up to `rev` is owed any more.

        True once in its life, where it has ended: then its member may be told in another way.
        """
        return await self._database.write(lambda db: outbox.unreachable(db, self._clock, request_id, rev))

    async def live_messages(self) -> dict[int, MessageRef]:
        """The status message of every request that has one and has not ended, by request."""
        return await self._database.read(lambda db: outbox.live(db))

    async def request_of(self, message: MessageRef) -> int | None:
        """The request that a message of the bot is about."""
        return await self._database.read(lambda db: outbox.by_message(db, message))
