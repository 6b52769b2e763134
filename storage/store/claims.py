"""The engine's side: taking a request, keeping it, and ending it one way or another. Every write is fenced."""

from __future__ import annotations

from sqlalchemy import Connection, ScalarSelect, delete, insert, select, update

from storage.dispatch.turn import may_begin
from storage.documents import blob_row, read_blob, read_params, result_blobs, write_result
from storage.errors import StaleClaim
from storage.estimates import record_section
from storage.jobs import Claim, Failure, Job, JobState, Part, Result, Section, Wish
from storage.schema import attempt, in_state, request, request_blob, section
from storage.store import engines
from storage.store.books import Change, announce, count_change
from storage.store.leases import LeaseTime
from storage.store.pause import holding, none_holds
from storage.store.queries import blobs_of
from storage.store.transitions import Terms, drawn, finish, finish_cancelled, lock_held, put_back
from storage.words import Outcome


def claim(db: Connection, terms: Terms, worker: str, candidate: int | ScalarSelect[int]) -> Job | None:
    """Take the request that the dispatch names.

    None where it does not wait (any more), where its member has as many under way as they may, or in a pause.
    """
    now_ms = terms.clock.now_ms()
    if isinstance(candidate, int):
        may = may_begin(terms.queue.running_per_member_max)
        candidate = may.where(request.c.id == candidate).scalar_subquery()
    row = db.execute(
        update(request)
        # The state is asked again: a dispatch may offer what is no longer there.
        .where(request.c.id == candidate, in_state(JobState.QUEUED), none_holds(now_ms))
        .values(
            state=JobState.RUNNING,
            rev=request.c.rev + 1,
            epoch=request.c.epoch + 1,
            started_ms=now_ms,
            **LeaseTime.now(db, terms.clock).until(terms.queue.lease_s),
        )
        .returning(request)
    ).one_or_none()
    if row is None:
        return None
    db.execute(insert(attempt).values(request_id=row.id, epoch=row.epoch, worker=worker, started_ms=now_ms))
    announce(db, row.id, row.rev, JobState.RUNNING, now_ms)
    change = Change(before=JobState.QUEUED, after=JobState.RUNNING, est_ms=row.est_ms)
    count_change(db, row.account_id, change, begun_at=row.sfq_start)
    engines.up(db)
    done = db.execute(select(section).where(section.c.request_id == row.id).order_by(section.c.idx)).all()
    return Job(
        claim=Claim(request_id=row.id, epoch=row.epoch),
        params=read_params(row.params, blobs_of(db, [row.id])[row.id]),
        sections=tuple(Section(index=s.idx, checkpoint=read_blob(s), gpu_ms=s.gpu_ms) for s in done),
    )


def beat(db: Connection, terms: Terms, claim: Claim) -> Wish:
    """Keep the lease, and tell what is wished of its holder."""
    row = db.execute(
        update(request)
        .where(request.c.id == claim.request_id, request.c.epoch == claim.epoch, in_state(JobState.RUNNING))
        .values(**LeaseTime.now(db, terms.clock).until(terms.queue.lease_s))
        .returning(request.c.cancel_ms)
    ).one_or_none()
    if row is None:
        raise StaleClaim(f"Request {claim.request_id} is no longer held by attempt {claim.epoch}.")
    if row.cancel_ms is not None:
        return Wish.CANCEL
    return Wish.CONTINUE if holding(db, terms.clock.now_ms()) is None else Wish.YIELD


def save_section(db: Connection, claim: Claim, new: Section) -> None:
    """Add the next section, or draw one of an earlier attempt anew, which ends the film so far.

    Saving the same one again changes nothing.

    A gap, or another section where this attempt has saved one, is the worker's mistake (ValueError).
    """
    entry = lock_held(db, claim)
    done = drawn(db, entry.id).sections
    if new.index < done:
        here = (section.c.request_id == entry.id) & (section.c.idx == new.index)
        old = db.execute(select(section).where(here)).one()
        if old.sha256 == new.checkpoint.sha256:
            return
        if old.epoch == entry.epoch:
            raise ValueError(f"section {new.index} of request {entry.id} is already stored and differs")
        # The earlier attempt's checkpoint was damaged, or of other weights: the film goes on with the new one, and
        # without those that went on from the old one.
        db.execute(update(section).where(here).values(epoch=entry.epoch, gpu_ms=new.gpu_ms, **blob_row(new.checkpoint)))
        db.execute(delete(section).where(section.c.request_id == entry.id, section.c.idx > new.index))
        return
    if new.index != done or new.index >= entry.sections:
        raise ValueError(f"section {new.index} of request {entry.id} does not follow {done} of {entry.sections}")
    db.execute(
        insert(section).values(
            request_id=entry.id, idx=new.index, epoch=entry.epoch, gpu_ms=new.gpu_ms, **blob_row(new.checkpoint)
        )
    )
    document = db.execute(select(request.c.params).where(request.c.id == entry.id)).scalar_one()
    record_section(db, read_params(document, blobs_of(db, [entry.id])[entry.id]), new.gpu_ms)


def complete(db: Connection, terms: Terms, claim: Claim, result: Result) -> None:
    """running → done. Raises ValueError where sections are missing."""
    entry = lock_held(db, claim)
    done = drawn(db, entry.id).sections
    if done != entry.sections:
        raise ValueError(f"request {entry.id} has {done} of {entry.sections} sections and cannot be done")
    db.execute(
        insert(request_blob),
        [{"request_id": entry.id, "role": role, **blob_row(blob)} for role, blob in result_blobs(result).items()],
    )
    earlier = drawn(db, entry.id, before_epoch=entry.epoch)
    finish(
        db,
        terms,
        entry,
        JobState.DONE,
        Outcome.DONE,
        charge_ms=entry.duration_ms,
        spent_ms=earlier.gpu_ms + result.gpu_ms,
        result=write_result(result),
    )


def fail(db: Connection, terms: Terms, claim: Claim, failure: Failure) -> None:
    """running → failed, with a full refund."""
    entry = lock_held(db, claim)
    finish(
        db,
        terms,
        entry,
        JobState.FAILED,
        Outcome.FAILED,
        error_code=failure.code,
        error_sentence=failure.sentence,
    )


def cancelled(db: Connection, terms: Terms, claim: Claim, part: Part | None) -> None:
    """running → cancelled, as somebody wished. Raises ValueError where nobody did."""
    entry = lock_held(db, claim)
    if entry.cancel_by is None:
        raise ValueError(f"nobody asked to cancel request {entry.id}")
    finish_cancelled(db, terms, entry, entry.cancel_by, part=part)


def release(db: Connection, terms: Terms, claim: Claim, part: Part | None) -> None:
    """running → queued at its old place, no try spent; → cancelled where somebody wished it meanwhile."""
    entry = lock_held(db, claim)
    if entry.cancel_by is not None:
        finish_cancelled(db, terms, entry, entry.cancel_by, part=part)
    else:
        put_back(db, terms, entry, Outcome.RELEASED)
