"""The store: every promise to members, kept in one transaction each."""

from __future__ import annotations

from functools import partial
from typing import Self

from sqlalchemy import Connection

from storage.clock import Clock
from storage.database import Database
from storage.dispatch.embedded import EmbeddedDispatch
from storage.dispatch.port import Dispatch
from storage.errors import DiskFull, QueueFull, Rule
from storage.jobs import (
    ORIGIN_CHARS_MAX,
    Claim,
    Down,
    Failure,
    Job,
    Member,
    MessageRef,
    Part,
    Pause,
    Place,
    Progress,
    Request,
    Result,
    Section,
    Status,
    Wish,
)
from storage.progress import publish
from storage.quota import Allowance
from storage.settings import QueueSettings, QuotaSettings, RerollSettings, RetentionSettings, Settings
from storage.store import claims, engines, erasure, films, members, pause, queries, reconcile, rescue, retention
from storage.store.erasure import Erased
from storage.store.moving import Moving
from storage.store.queries import Line
from storage.store.reconcile import Mended, NamedFile
from storage.store.transitions import Terms
from storage.tariff import UsualFilm


class Store(Moving):
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
        usual: UsualFilm | None = None,
    ) -> None:
        super().__init__(database, clock)
        self._dispatch = dispatch or EmbeddedDispatch(database)
        self._terms = Terms(clock=clock, queue=queue, quota=quota, dispatch=self._dispatch, usual=usual)

    @classmethod
    def of(cls, database: Database, settings: Settings, clock: Clock) -> Self:
        """As the host's settings say: the same in every process, so that all count the same quota."""
        return cls(database, clock=clock, queue=settings.queue, quota=settings.quota, usual=UsualFilm.of(settings))

    # Members

    async def submit(self, request: Request, *, rerolls: RerollSettings | None = None) -> Status:
        """Accept a request: reserve its film time and queue it. Again: the same request, nothing charged.

        rerolls: what a reroll is held to, in the same transaction; None lets every one pass.
        Raises QuotaExceeded; QueueFull, also where the disk is full; UnknownRequest where its parent is unknown;
        RequestRejected by the rules for rerolls; ValueError for an `origin` that is too long.
        """
        if len(request.origin) > ORIGIN_CHARS_MAX:
            raise ValueError(f"an origin of {len(request.origin)} characters")

        def accept(db: Connection) -> Status | None:
            # Read in the same transaction: a second visit to a thread costs a busy machine more than the lock does.
            return queries.status(db, members.submit(db, self._terms, request, rerolls))

        try:
            status = await self._database.write(accept)
        except DiskFull as exc:
            sentence = "The host's disk is full: nothing was stored or charged; try again later."
            raise QueueFull(sentence, rule=Rule.DISK_FULL) from exc
        assert status is not None
        return status

    async def accepted_as(self, idem: str) -> int | None:
        """The request that was accepted under this key; None where none was."""
        return await self._database.read(lambda db: members.find(db, idem))

    async def foresee(self, idem: str, member: Member, place: Place, duration_ms: int) -> None:
        """Refuse early what `submit` would refuse: nothing needs to be kept for it. Raises QuotaExceeded, QueueFull."""
        await self._database.read(lambda db: members.foresee(db, self._terms, idem, member, place, duration_ms))

    async def cancel(
        self, request_id: int, *, by: Member, everyone: bool = False, place: Place | None = None
    ) -> Status:
        """Cancel what waits; record the wish on what runs; leave what has ended. Again: no change.

        A member pays for what the card drew so far, step by step; an operator (`everyone`, not their own) refunds all.
        place: where the wish was made; a request of another community is unknown there.
        Raises UnknownRequest where it is not theirs, unless `everyone`.
        """
        cancel = partial(members.cancel, request_id=request_id, by=by, everyone=everyone, place=place)
        await self._database.write(lambda db: cancel(db, self._terms))
        return await self.status(request_id)

    async def unreroll(self, film_id: int, *, by: Member, place: Place | None = None) -> Status | None:
        """Cancel the member's own reroll of this film while it waits; None where none does."""
        found = await self._database.write(lambda db: films.unreroll(db, self._terms, film_id, by=by, place=place))
        return None if found is None else await self.status(found)

    async def let_go(
        self, request_id: int, *, by: Member, everyone: bool = False, place: Place | None = None
    ) -> tuple[MessageRef, ...]:
        """Keep nothing of what has ended. The messages that still stand are the answer; the relay takes them away.

        A moderator (`everyone`) of a room where only copies stand has those taken away, and no more.
        Raises UnknownRequest as `cancel` does; RequestRejected while it is open.
        """
        let_go = partial(films.let_go, request_id=request_id, by=by, everyone=everyone, place=place)
        return await self._database.write(lambda db: let_go(db, self._terms))

    async def hide(
        self, request_id: int, *, by: Member, votes: int, everyone: bool = False, place: Place | None = None
    ) -> Status:
        """Cover a film: its requester and moderators (`everyone`) at once, others once `votes` of them wish it.

        Again: no change. Raises UnknownRequest in another community; RequestRejected where no film is kept.
        """
        hide = partial(films.hide, request_id=request_id, by=by, everyone=everyone, place=place, votes=votes)
        await self._database.write(lambda db: hide(db, self._terms))
        return await self.status(request_id)

    async def status(self, request_id: int) -> Status:
        """Raises UnknownRequest."""
        found = await self._database.read(lambda db: queries.status(db, request_id))
        if found is None:
            raise members.unknown(request_id)
        return found

    async def owns(self, request_id: int, member: Member) -> bool:
        """Whether this person, on whatever platform, asked for it."""
        return await self._database.read(lambda db: members.owns(db, request_id, member))

    async def history(self, member: Member, *, limit: int = 20, before_id: int | None = None) -> list[Status]:
        """The person's requests, newest first, in all places; those before `before_id` where given."""
        return await self._database.read(lambda db: members.history(db, member, limit=limit, before_id=before_id))

    async def queue(self, *, limit: int = 50) -> list[Status]:
        """Running first, then queued in order."""
        return await self._database.read(lambda db: queries.line(db, limit=limit))

    async def line(self, place: Place, *, limit: int = 50) -> Line:
        """The queue as the place's community sees it: its own films alone, and how many there are."""
        return await self._database.read(lambda db: queries.line_of(db, place, limit=limit))

    async def locale(self, member: Member) -> str:
        """The language that this member last came with; empty for somebody never seen."""
        return await self._database.read(lambda db: members.locale_of(db, member))

    async def allowance(self, member: Member, community_id: str) -> Allowance:
        return await self._database.read(lambda db: members.allowance(db, self._terms, member, community_id))

    # The engine

    async def claim(self, worker: str) -> Job | None:
        """Take the request whose turn it is, under a lease; None where none waits, or none of a member who may."""
        candidate = await self._dispatch.next(running_max=self._terms.queue.running_per_member_max)
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

    async def cancelled(self, claim: Claim, part: Part | None = None) -> Status:
        """running → cancelled: the worker obeyed the wish. Raises StaleClaim; ValueError where nobody wished it.

        part: drawn of the section under way; the member pays for it as for whole sections.
        """
        await self._database.write(lambda db: claims.cancelled(db, self._terms, claim, part))
        return await self.status(claim.request_id)

    async def release(self, claim: Claim, part: Part | None = None) -> Status:
        """running → queued: a clean stop keeps the place and spends no try. Raises StaleClaim.

        part: as of `cancelled`, where somebody has wished that meanwhile.
        """
        await self._database.write(lambda db: claims.release(db, self._terms, claim, part))
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
        """queued too long, pauses not counted → expired, with a full refund. Returns how many."""
        count = 0
        while found := await self._database.read(lambda db: rescue.overdue(db, self._terms)):
            for it in found:
                count += await self._database.write(partial(rescue.expire, terms=self._terms, request_id=it))
        return count

    async def end_pause(self) -> bool:
        """A pause whose time is over is forgotten, and everybody wakes. False where there is none."""
        if not await self._database.read(lambda db: pause.is_over(db, self._terms.clock.now_ms())):
            return False
        return await self._database.write(lambda db: pause.end_in_time(db, self._terms.clock.now_ms()))

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

    async def purged_count(self) -> int:
        """Requests of which nothing is kept any more: it grows with each that is deleted, erased or let go."""
        return await self._database.read(queries.purged_count)

    async def requeue(self, request_id: int) -> Status:
        """Operator: ask again for a failed film, on its member's account, as a new request.

        Again while the new one is open: the new one. Raises RequestRejected where the request has not failed.
        """
        new_id = await self._database.write(lambda db: members.requeue(db, self._terms, request_id))
        return await self.status(new_id)

    # The owner

    async def pause(self, *, for_ms: int | None = None) -> Pause:
        """Nothing is claimed from now on, and running films are given back at their next beat.

        for_ms: ends by itself after so long; None lasts until `resume`. Again: the new end counts.
        """
        now_ms = self._terms.clock.now_ms()
        return await self._database.write(lambda db: pause.pause(db, now_ms, for_ms=for_ms))

    async def resume(self) -> bool:
        """End the pause. Again: False, and no change."""
        return await self._database.write(lambda db: pause.resume(db, self._terms.clock.now_ms()))

    async def paused(self) -> Pause | None:
        """The pause that holds now."""
        return await self._database.read(lambda db: pause.holding(db, self._terms.clock.now_ms()))

    async def engine_down(self, reason: str) -> None:
        """No engine can be started: members are told instead of a wait. Again: the first moment counts.

        reason: for the owner alone.
        """
        await self._database.write(lambda db: engines.down(db, self._terms.clock.now_ms(), reason))

    async def engine_up(self) -> None:
        """An engine is ready to draw. A claim says so too."""
        if await self.engine_state() is not None:
            await self._database.write(engines.up)

    async def engine_state(self) -> Down | None:
        """Since when and why no engine can draw; None where one can, as far as is known."""
        return await self._database.read(engines.state)

    # Waking

    async def changed(self, *, timeout_s: float) -> bool:
        """True as soon as anybody committed since the caller last called any method here; False at the timeout.

        It may be True without cause, now and then: look again, then wait again.
        """
        return await self._dispatch.changed(timeout_s=timeout_s)
