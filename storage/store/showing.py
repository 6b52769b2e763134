"""The store as the relay sees it: what chats must still show, and which messages show it."""

from __future__ import annotations

from storage.clock import Clock
from storage.database import Database
from storage.jobs import MessageRef, Place
from storage.store import copies, outbox, removals
from storage.store.outbox import OutboxItem
from storage.store.removals import Removal
from storage.words import MessageKind


class Showing:
    """Every method that changes something is one transaction.

    Most write down what a chat shows already: those wait for as long as the database is busy, away or full. Otherwise
    a message would stand that nobody knows, and be posted a second time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def outbox_due(self, *, limit: int = 50) -> list[OutboxItem]:
        """Requests whose newest revision no chat shows yet and is due now, oldest first."""
        return await self._database.read(lambda db: outbox.due(db, self._clock, limit=limit))

    async def message_posted(self, request_id: int, kind: MessageKind, ref: MessageRef, rev: int) -> None:
        """A message of the bot exists and shows `rev`. Again: no change; another `ref` takes the older one's place."""
        await self._database.insist(lambda db: outbox.message_posted(db, self._clock, request_id, kind, ref, rev))

    async def message_removed(self, request_id: int, kind: MessageKind) -> None:
        await self._database.insist(lambda db: outbox.message_removed(db, request_id, kind))

    async def outbox_sent(self, request_id: int, rev: int) -> None:
        """Revisions up to `rev` are shown. Again: no change."""
        await self._database.insist(lambda db: outbox.sent(db, self._clock, request_id, rev))

    async def outbox_retry(self, request_id: int, rev: int, *, after_ms: int) -> None:
        """`rev` could not be shown: it is due again after a while."""
        await self._database.insist(lambda db: outbox.retry(db, self._clock, request_id, rev, after_ms=after_ms))

    async def unreachable(self, request_id: int, rev: int) -> bool:
        """The chat takes no message about it for now: nothing up to `rev` is owed any more.

        True once in its life, where it has ended: then its member may be told in another way.
        """
        return await self._database.insist(lambda db: outbox.unreachable(db, self._clock, request_id, rev))

    async def copy_posted(self, request_id: int, ref: MessageRef, rev: int) -> None:
        """A film was posted once more and shows `rev`. What was covered or deleted meanwhile is owed so there too."""
        await self._database.insist(lambda db: copies.posted(db, self._clock, request_id, ref, rev))

    async def copy_gone(self, ref: MessageRef) -> None:
        """A copy is out of reach: nothing is owed there any more."""
        await self._database.insist(lambda db: copies.forget(db, ref))

    async def copy_stands_in(self, request_id: int, place: Place) -> bool:
        """Whether the film was posted once more in that very room."""
        return await self._database.read(lambda db: copies.stands_in(db, request_id, place))

    async def removals_due(self, *, limit: int = 50) -> list[Removal]:
        """Messages to take away now, oldest first."""
        return await self._database.read(lambda db: removals.due(db, self._clock, limit=limit))

    async def remove_later(self, request_id: int, ref: MessageRef) -> None:
        """This message must go, whatever else becomes of the request. Again: no change."""
        await self._database.insist(lambda db: removals.owe_unknown(db, self._clock, request_id, ref))

    async def removals_owed(self, request_id: int) -> tuple[MessageRef, ...]:
        """Messages of this request that must go and still stand, as far as is known."""
        return await self._database.read(lambda db: removals.owed(db, [request_id]))

    async def removed(self, ref: MessageRef) -> None:
        """It is gone, or nobody can take it away. Again: no change."""
        await self._database.insist(lambda db: removals.done(db, self._clock, ref))

    async def removal_retry(self, ref: MessageRef, *, after_ms: int) -> None:
        """It could not be taken away: it is due again after a while, for a week in all."""
        await self._database.insist(lambda db: removals.retry(db, self._clock, ref, after_ms=after_ms))

    async def live_messages(self) -> dict[int, MessageRef]:
        """The status message of every request that has one and has not ended, by request."""
        return await self._database.read(lambda db: outbox.live(db))

    async def request_of(self, message: MessageRef) -> int | None:
        """The request that a message of the bot is about."""
        return await self._database.read(lambda db: outbox.by_message(db, message))
