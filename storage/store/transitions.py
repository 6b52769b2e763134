"""The one way in which a request changes its state: row, counters, ledger, revision and outbox together.

Everything here runs in the caller's transaction, on an entry that the transaction has locked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from storage.clock import Clock
from storage.dispatch.port import Dispatch
from storage.errors import StaleClaim
from storage.jobs import SECTION_MS, Claim, JobState, Part
from storage.quota import Tariff
from storage.schema import attempt, identity, progress, request, section
from storage.settings import QueueSettings, QuotaSettings
from storage.store.books import Change, announce, count_change, give_back, write_closing
from storage.store.pause import waiting_clock_ms
from storage.tariff import UsualFilm, tariff
from storage.words import Canceller, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the store keeps its requests under."""

    clock: Clock
    queue: QueueSettings
    quota: QuotaSettings
    dispatch: Dispatch
    usual: UsualFilm | None = None
    """What this host draws where nothing else is said; None where only the settings decide a quota."""

    def tariff(self, db: Connection) -> Tariff:
        """As the card is known to draw now."""
        return tariff(db, self.quota, self.usual)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A request as this transaction has locked it: nobody else moves it before the commit."""

    id: int
    person_id: int
    account_id: int
    state: JobState
    rev: int
    epoch: int
    tries: int
    sections: int
    duration_ms: int
    est_ms: int
    sfq_start: int
    cancel_by: Canceller | None


def lock(db: Connection, request_id: int) -> Entry | None:
    query = (
        select(request, identity.c.person_id)
        .join_from(request, identity)
        .where(request.c.id == request_id)
        # Nobody else may change it; a row that refers to it (key_share) may still be written.
        .with_for_update(of=request, key_share=True)
    )
    row = db.execute(query).one_or_none()
    if row is None:
        return None
    return Entry(
        id=row.id,
        person_id=row.person_id,
        account_id=row.account_id,
        state=JobState(row.state),
        rev=row.rev,
        epoch=row.epoch,
        tries=row.tries,
        sections=row.sections,
        duration_ms=row.duration_ms,
        est_ms=row.est_ms,
        sfq_start=row.sfq_start,
        cancel_by=None if row.cancel_by is None else Canceller(row.cancel_by),
    )


def lock_held(db: Connection, claim: Claim) -> Entry:
    """The claim's request. Raises StaleClaim where the claim is void: this is the fence of every worker's write."""
    entry = lock(db, claim.request_id)
    if entry is None or entry.state is not JobState.RUNNING or entry.epoch != claim.epoch:
        raise StaleClaim(f"Request {claim.request_id} is no longer held by attempt {claim.epoch}.")
    return entry


def put_back(db: Connection, terms: Terms, entry: Entry, outcome: Outcome) -> None:
    """running → queued at its old place."""
    now_ms = terms.clock.now_ms()
    tries = entry.tries + (outcome is Outcome.LOST)
    _end_attempt(db, entry, outcome, now_ms)
    _change(db, entry, JobState.QUEUED, now_ms, tries=tries, queued_ms=waiting_clock_ms(db, now_ms))
    terms.dispatch.queued(db, entry.id, start=entry.sfq_start)


def finish(
    db: Connection,
    terms: Terms,
    entry: Entry,
    to: JobState,
    outcome: Outcome,
    *,
    charge_ms: int = 0,
    spent_ms: int | None = None,
    **columns: Any,
) -> None:
    """Into a terminal state, settling film time and the fairness tag.

    charge_ms: of film; what was reserved beyond it goes back to the member.
    spent_ms: of GPU time, where it is not simply that of the stored sections.
    outcome: of the running attempt; not used where none runs.
    """
    now_ms = terms.clock.now_ms()
    if entry.state is JobState.RUNNING:
        _end_attempt(db, entry, outcome, now_ms)
    else:
        terms.dispatch.left(db, entry.id)
    _change(db, entry, to, now_ms, ended_ms=now_ms, **columns)
    if spent_ms is None:
        spent_ms = drawn(db, entry.id).gpu_ms
    write_closing(db, entry.person_id, entry.id, reserved_ms=entry.duration_ms, charge_ms=charge_ms, now_ms=now_ms)
    give_back(
        db,
        entry.account_id,
        terms.tariff(db),
        now_ms,
        film_ms=entry.duration_ms - charge_ms,
        est_ms=entry.est_ms,
        spent_ms=spent_ms,
    )


def finish_cancelled(
    db: Connection,
    terms: Terms,
    entry: Entry,
    canceller: Canceller,
    outcome: Outcome = Outcome.CANCELLED,
    *,
    part: Part | None = None,
    **columns: Any,
) -> None:
    """Into `cancelled`: its member pays for what the card drew, but for nothing where an operator decided.

    part: of the section under way, as the running attempt reports it; None where it does not.
    """
    done = drawn(db, entry.id)
    if part is not None and part.section != done.sections:
        part = None  # stored meanwhile, or never begun: nothing of a section is charged twice
    part_ms = 0 if part is None else SECTION_MS * min(part.step, part.steps) // part.steps
    charge_ms = 0
    if canceller is not Canceller.OPERATOR:
        charge_ms = min(done.sections * SECTION_MS + part_ms, entry.duration_ms)
    spent_ms = done.gpu_ms + (0 if part is None else part.gpu_ms)
    finish(db, terms, entry, JobState.CANCELLED, outcome, charge_ms=charge_ms, spent_ms=spent_ms, **columns)
    if part is not None:
        of_attempt = attempt.c.request_id == entry.id, attempt.c.epoch == entry.epoch
        db.execute(update(attempt).where(*of_attempt).values(part_ms=part_ms))


@dataclass(frozen=True, slots=True)
class Drawn:
    sections: int
    gpu_ms: int


def drawn(db: Connection, request_id: int, *, before_epoch: int | None = None) -> Drawn:
    """What is stored of a film so far."""
    query = select(func.count(), func.coalesce(func.sum(section.c.gpu_ms), 0)).where(section.c.request_id == request_id)
    if before_epoch is not None:
        query = query.where(section.c.epoch < before_epoch)
    count, gpu_ms = db.execute(query).one()
    return Drawn(count, int(gpu_ms))


def _change(db: Connection, entry: Entry, to: JobState, now_ms: int, **columns: Any) -> None:
    if to is not JobState.RUNNING:
        columns |= {"lease_boot": None, "lease_until_ms": None}
    rev = entry.rev + 1
    db.execute(update(request).where(request.c.id == entry.id).values(state=to, rev=rev, **columns))
    announce(db, entry.id, rev, to, now_ms)
    count_change(db, entry.account_id, Change(before=entry.state, after=to, est_ms=entry.est_ms))


def _end_attempt(db: Connection, entry: Entry, outcome: Outcome, now_ms: int) -> None:
    db.execute(
        update(attempt)
        .where(attempt.c.request_id == entry.id, attempt.c.epoch == entry.epoch)
        .values(ended_ms=now_ms, outcome=outcome)
    )
    db.execute(delete(progress).where(progress.c.request_id == entry.id))
