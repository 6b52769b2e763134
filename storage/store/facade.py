"""The store: every promise to members, kept in one transaction each."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from storage.clock import Clock
from storage.database import Database
from storage.dispatch.embedded import EmbeddedDispatch
from storage.dispatch.port import Dispatch
from storage.errors import QueueFull
from storage.jobs import (
    Claim,
    Failure,
    Job,
    Member,
    MessageRef,
    Place,
    Progress,
    Request,
    Result,
    Section,
    Status,
    Wish,
)
from storage.progress import publish
from storage.quota import Allowance, Rate
from storage.settings import QueueSettings, QuotaSettings, RetentionSettings
from storage.store import claims, erasure, members, outbox, queries, reconcile, rescue, retention
from storage.store.erasure import Erased
from storage.store.outbox import OutboxItem
from storage.store.reconcile import Mended, NamedFile
from storage.store.transitions import Terms
from storage.words import MessageKind

POSTGRES_DISK_FULL = "53100"


class Store:
    """Every method that changes something is one transaction; the rest read a snapshot.

    A task may be cancelled anywhere: what was not committed did not happen.
    Where a method says "again", asking twice is the same as asking once.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        queue: QueueSettings,
        quota: QuotaSettings,
        dispatch: Dispatch | None = None,
    ) -> None:
        self._database = database
        self._dispatch = dispatch or EmbeddedDispatch(database)
        self._terms = Terms(clock=clock, queue=queue, rate=Rate.of(quota), dispatch=self._dispatch)

    # Members

    async def submit(self, request: Request) -> Status:
        """Accept a request: reserve its film time and queue it. Again: the same request, nothing charged.

        Raises QuotaExceeded; QueueFull, also where the disk is full; UnknownRequest where its parent is unknown.
        """

        def accept(db: Connection) -> Status | None:
            # Read in the same transaction: a second visit to a thread costs a busy machine more than the lock does.
            return queries.status(db, members.submit(db, self._terms, request))

        try:
            status = await self._database.write(accept)
        except OperationalError as exc:
            if "disk is full" in str(exc.orig) or getattr(exc.orig, "sqlstate", "") == POSTGRES_DISK_FULL:
                raise QueueFull("The host's disk is full: nothing was stored or charged; try again later.") from exc
            raise
        assert status is not None
        return status

    async def foresee(self, idem: str, member: Member, place: Place, duration_ms: int) -> None:
        """Refuse early what `submit` would refuse: nothing needs to be kept for it. Raises QuotaExceeded, QueueFull."""
        await self._database.read(lambda db: members.foresee(db, self._terms, idem, member, place, duration_ms))

    async def cancel(self, request_id: int, *, by: Member, everyone: bool = False) -> Status:
        """Cancel what waits; record the wish on what runs; leave what has ended. Again: no change.

        A member pays for the sections drawn so far; an operator (`everyone`, not their own) refunds all.
        Raises UnknownRequest where it is not theirs, unless `everyone`.
        """
        await self._database.write(lambda db: members.cancel(db, self._terms, request_id, by=by, everyone=everyone))
        return await self.status(request_id)

    async def status(self, request_id: int) -> Status:
        """Raises UnknownRequest."""
        found = await self._database.read(lambda db: queries.status(db, request_id))
        if found is None:
            raise members.unknown(request_id)
        return found

    async def history(self, member: Member, *, limit: int = 20, before_id: int | None = None) -> list[Status]:
        """The person's requests, newest first, in all places; those before `before_id` where given."""
        return await self._database.read(lambda db: members.history(db, member, limit=limit, before_id=before_id))

    async def queue(self, *, limit: int = 50) -> list[Status]:
        """Running first, then queued in order."""
        return await self._database.read(lambda db: queries.line(db, limit=limit))

    async def allowance(self, member: Member, community_id: str) -> Allowance:
        return await self._database.read(lambda db: members.allowance(db, self._terms, member, community_id))

    # The engine

    async def claim(self, worker: str) -> Job | None:
        """Take the request whose turn it is, under a lease; None where none waits."""
        candidate = await self._dispatch.next()
        if candidate is None:
            return None
        return await self._database.write(lambda db: claims.claim(db, self._terms, worker, candidate))

    async def beat(self, claim: Claim) -> Wish:
        """Keep the lease and learn what the members wish. Raises StaleClaim."""
        return await self._database.write(lambda db: claims.beat(db, self._terms, claim))

    async def save_section(self, claim: Claim, section: Section) -> None:
        """Add the next section, whose checkpoint is already in the media folder. Again: no change.

        Raises StaleClaim; ValueError for a gap or a different section at a stored index.
        """
        await self._database.write(lambda db: claims.save_section(db, claim, section))

    async def publish_progress(self, progress: Progress) -> None:
        """Replace what was known of the running attempt. Raises StaleClaim."""
        await self._database.write(lambda db: publish(db, progress))

    async def complete(self, claim: Claim, result: Result) -> Status:
        """running → done. Raises StaleClaim; ValueError where sections are missing."""
        await self._database.write(lambda db: claims.complete(db, self._terms, claim, result))
        return await self.status(claim.request_id)

    async def fail(self, claim: Claim, failure: Failure) -> Status:
        """running → failed, with a full refund. Raises StaleClaim."""
        await self._database.write(lambda db: claims.fail(db, self._terms, claim, failure))
        return await self.status(claim.request_id)

    async def cancelled(self, claim: Claim) -> Status:
        """running → cancelled: the worker obeyed the wish. Raises StaleClaim; ValueError where nobody wished it."""
        await self._database.write(lambda db: claims.cancelled(db, self._terms, claim))
        return await self.status(claim.request_id)

    async def release(self, claim: Claim) -> Status:
        """running → queued: a clean stop keeps the place and spends no try. Raises StaleClaim."""
        await self._database.write(lambda db: claims.release(db, self._terms, claim))
        return await self.status(claim.request_id)

    async def lost(self, worker: str) -> bool:
        """Whether an attempt of this worker was taken from it: a process that lives all the same is stuck."""
        return await self._database.read(lambda db: rescue.lost(db, worker))

    # Upkeep

    async def reclaim(self) -> int:
        """End attempts whose lease is void: queued again with a try spent, or failed as poison. Returns how many."""
        found = await self._database.read(lambda db: rescue.void_leases(db, self._terms))
        return sum([await self._database.write(partial(rescue.reclaim, terms=self._terms, claim=it)) for it in found])

    async def engine_died(self, worker: str) -> int:
        """This worker's process has ended: end its attempts at once. Returns how many."""
        found = await self._database.read(lambda db: rescue.held_by(db, worker))
        return sum([await self._database.write(partial(rescue.lose, terms=self._terms, claim=it)) for it in found])

    async def expire(self) -> int:
        """queued too long → expired, with a full refund. Returns how many."""
        count = 0
        while found := await self._database.read(lambda db: rescue.overdue(db, self._terms)):
            for it in found:
                count += await self._database.write(partial(rescue.expire, terms=self._terms, request_id=it))
        return count

    async def purge(self, kept: RetentionSettings) -> int:
        """Let go of pictures, checkpoints and films that were kept for long enough. Returns of how many requests.

        Their files stay until a sweep finds that no row names them. What no chat has shown yet is kept.
        """
        count = 0
        while found := await self._database.read(lambda db: retention.due(db, self._terms, kept)):
            for it in found:
                purge = partial(retention.purge, terms=self._terms, kept=kept, request_id=it)
                count += await self._database.write(purge)
        return count

    async def film_lost(self, request_id: int) -> bool:
        """A film that nobody has seen is damaged: nothing is charged for it. Again: False, and no change."""
        return await self._database.write(lambda db: retention.film_lost(db, self._terms, request_id))

    async def erase(self, member: Member) -> Erased:
        """Forget a person: cancel what is open, forget what they asked for, made and were. Again: nothing to do.

        Pages of the database file, media files and backups hold them until `scrubbed`.
        """
        return await self._database.write(lambda db: erasure.erase(db, self._terms, member))

    async def unscrubbed(self) -> list[int]:
        """Erased persons whom older pages, files or backups may still hold."""
        return await self._database.read(lambda db: erasure.unscrubbed(db))

    async def scrubbed(self, persons: list[int], *, erased_before_ms: int) -> None:
        """Nothing of these persons is left, as far as they were erased before that moment."""
        done = partial(erasure.scrubbed, terms=self._terms, persons=persons, erased_before_ms=erased_before_ms)
        await self._database.write(done)

    async def files_named(self) -> list[NamedFile]:
        """Every file that a row names, with the request that needs it."""
        return await self._database.read(reconcile.files_named)

    async def reconcile(self, damaged: list[NamedFile]) -> Mended:
        """After a restore, while no engine runs: make requests honest about missing files and absent engines."""
        return await self._database.write(lambda db: reconcile.reconcile(db, self._terms, damaged))

    async def largest_result_bytes(self) -> int:
        """All files of the largest film that is kept."""
        return await self._database.read(lambda db: queries.largest_result_bytes(db))

    async def blobs_named(self) -> set[str]:
        """SHA-256 of every file that a row names: what a sweep of the media folder must leave alone."""
        return await self._database.read(lambda db: queries.blobs_named(db))

    async def requeue(self, request_id: int) -> Status:
        """Operator: ask again for a failed film, on its member's account, as a new request.

        Again while the new one is open: the new one. Raises RequestRejected where the request has not failed.
        """
        new_id = await self._database.write(lambda db: members.requeue(db, self._terms, request_id))
        return await self.status(new_id)

    # The relay

    async def outbox_due(self, *, limit: int = 50) -> list[OutboxItem]:
        """Requests whose newest revision no chat shows yet and is due now, oldest first."""
        return await self._database.read(lambda db: outbox.due(db, self._terms.clock, limit=limit))

    async def message_posted(self, request_id: int, kind: MessageKind, ref: MessageRef, rev: int) -> None:
        """A message of the bot exists and shows `rev`. Again: no change; another `ref` takes the older one's place."""
        await self._database.write(lambda db: outbox.message_posted(db, self._terms.clock, request_id, kind, ref, rev))

    async def message_removed(self, request_id: int, kind: MessageKind) -> None:
        await self._database.write(lambda db: outbox.message_removed(db, request_id, kind))

    async def outbox_sent(self, request_id: int, rev: int) -> None:
        """Revisions up to `rev` are shown. Again: no change."""
        await self._database.write(lambda db: outbox.sent(db, self._terms.clock, request_id, rev))

    async def outbox_retry(self, request_id: int, rev: int, *, after_ms: int) -> None:
        """`rev` could not be shown: it is due again after a while."""
        await self._database.write(lambda db: outbox.retry(db, self._terms.clock, request_id, rev, after_ms=after_ms))

    async def live_messages(self) -> dict[int, MessageRef]:
        """The status message of every request that has one and has not ended, by request."""
        return await self._database.read(lambda db: outbox.live(db))

    async def request_of(self, message: MessageRef) -> int | None:
        """The request that a message of the bot is about."""
        return await self._database.read(lambda db: outbox.by_message(db, message))

    # Waking

    async def changed(self, *, timeout_s: float) -> bool:
        """True as soon as anybody committed since the caller last called any method here; False at the timeout.

        It may be True without cause, now and then: look again, then wait again.
        """
        return await self._dispatch.changed(timeout_s=timeout_s)
