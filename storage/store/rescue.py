"""Upkeep: requests whose worker is gone, and requests that waited too long."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, select

from storage.jobs import Claim, JobState
from storage.schema import attempt, in_state, request
from storage.store.leases import LeaseTime
from storage.store.pause import waiting_clock_ms
from storage.store.transitions import Entry, Terms, finish, finish_cancelled, lock, put_back
from storage.words import Outcome

POISON = "poison"
"""Code of a request that took the engine down too often."""
BATCH = 20


def void_leases(db: Connection, terms: Terms) -> list[Claim]:
    """Claims that kept no lease."""
    rows = db.execute(select(request.c.id, request.c.epoch).where(in_state(JobState.RUNNING), _void(db, terms)))
    return [Claim(request_id=row.id, epoch=row.epoch) for row in rows]


def held_by(db: Connection, worker: str) -> list[Claim]:
    """A worker's open claims."""
    query = select(attempt).where(attempt.c.ended_ms.is_(None), attempt.c.worker == worker)
    return [Claim(request_id=row.request_id, epoch=row.epoch) for row in db.execute(query)]


def lost(db: Connection, worker: str) -> bool:
    """Whether this worker lost an attempt."""
    query = select(attempt.c.epoch).where(attempt.c.worker == worker, attempt.c.outcome == Outcome.LOST).limit(1)
    return db.execute(query).one_or_none() is not None


def reclaim(db: Connection, terms: Terms, claim: Claim) -> bool:
    """`lose`, if the lease is void still: a beat may have come before this transaction."""
    query = select(request.c.id).where(request.c.id == claim.request_id, in_state(JobState.RUNNING), _void(db, terms))
    # Locked, so that no beat comes between this question and the end.
    held = db.execute(query.with_for_update(key_share=True)).one_or_none()
    return held is not None and lose(db, terms, claim)


def lose(db: Connection, terms: Terms, claim: Claim) -> bool:
    """End an attempt whose worker is gone: queued again with a try spent, or failed after the last one.

    False where the attempt has ended meanwhile.
    """
    entry = lock(db, claim.request_id)
    if entry is None or entry.state is not JobState.RUNNING or entry.epoch != claim.epoch:
        return False
    if entry.cancel_by is not None:
        finish_cancelled(db, terms, entry, entry.cancel_by, Outcome.LOST, tries=entry.tries + 1)
    elif entry.tries + 1 >= terms.queue.tries_max:
        _poison(db, terms, entry)
    else:
        put_back(db, terms, entry, Outcome.LOST)
    return True


def overdue(db: Connection, terms: Terms) -> list[int]:
    """Requests that have waited longer than anybody should, a batch of them."""
    # As the index says it; what waits has not ended anyway.
    waits = in_state(JobState.QUEUED), request.c.ended_ms.is_(None)
    rows = db.execute(
        select(request.c.id)
        .where(*waits, request.c.queued_ms < _patience_ends_ms(db, terms))
        .order_by(request.c.queued_ms)
        .limit(BATCH)
    )
    return list(rows.scalars())


def expire(db: Connection, terms: Terms, request_id: int) -> bool:
    """queued → expired, with a full refund. False where it has left the queue meanwhile."""
    entry = lock(db, request_id)
    if entry is None or entry.state is not JobState.QUEUED:
        return False
    finish(db, terms, entry, JobState.EXPIRED, Outcome.LOST)
    return True


def _void(db: Connection, terms: Terms) -> ColumnElement[bool]:
    return LeaseTime.now(db, terms.clock).void(terms.queue.lease_s)


def _poison(db: Connection, terms: Terms, entry: Entry) -> None:
    finish(
        db,
        terms,
        entry,
        JobState.FAILED,
        Outcome.LOST,
        tries=entry.tries + 1,
        error_code=POISON,
        error_sentence="The engine stopped while drawing this film, more than once; it will not be tried again.",
    )


def _patience_ends_ms(db: Connection, terms: Terms) -> int:
    # Counted while the owner lends the card: a pause keeps every place, however long it lasts.
    return waiting_clock_ms(db, terms.clock.now_ms()) - round(terms.queue.wait_hours_max * 3_600_000)
