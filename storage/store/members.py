"""The members' side: asking for a film and taking the wish back."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Update, bindparam, func, insert, select, update
from sqlalchemy.engine import Row

from storage import fairness
from storage.documents import blob_row, params_blobs, write_params
from storage.errors import QueueFull, RequestRejected, UnknownRequest
from storage.estimates import estimate_ms
from storage.jobs import GONE, JobState, Member, Place, Request, Status, section_count
from storage.quota import Allowance, Bucket
from storage.schema import account, identity, person, queue, request, request_blob
from storage.store import queries
from storage.store.books import announce, count_change, write_ledger
from storage.store.transitions import Terms, finish_cancelled, lock
from storage.words import Canceller, LedgerKind


def find(db: Connection, idem: str) -> int | None:
    """The request that was accepted under this key."""
    return db.execute(_of_idem(), {"key": idem}).scalar_one_or_none()


def submit(db: Connection, terms: Terms, wish: Request) -> int:
    """Accept a request, or return the one that was accepted under its key before.

    Raises QuotaExceeded, QueueFull; UnknownRequest where its parent is.
    """
    if (found := find(db, wish.idem)) is not None:
        return found
    now_ms = terms.clock.now_ms()
    if wish.parent_id is not None and lock(db, wish.parent_id) is None:
        raise unknown(wish.parent_id)
    identity_id, person_id = _identify(db, wish.member, now_ms)
    held = _account(db, terms, person_id, wish.place, now_ms)
    line = db.execute(_whole_line()).one()
    _check_room(db, terms, person_id, line.queued)

    need_ms = wish.params.duration_ms
    bucket = Bucket(level_ms=held.tokens_ms, at_ms=held.tokens_at_ms).refilled(terms.rate, now_ms)
    bucket = bucket.take(need_ms, terms.rate)
    est_ms = estimate_ms(db, wish.params)
    tags = fairness.tags(
        virtual_ms=line.virtual_ms, finish=held.sfq_finish, est_ms=est_ms, weight_permille=held.weight_permille
    )
    spent = {"tokens_ms": bucket.level_ms, "tokens_at_ms": bucket.at_ms, "sfq_finish": tags.finish}
    db.execute(_spend(), {"of_account": held.id, **spent})
    row: dict[str, Any] = {
        "idem": wish.idem,
        "identity_id": identity_id,
        "account_id": held.id,
        "chat_id": wish.place.chat_id,
        "kind": wish.kind,
        "parent_id": wish.parent_id,
        "params": write_params(wish.params),
        "duration_ms": need_ms,
        "sections": section_count(need_ms),
        "state": JobState.QUEUED,
        "rev": 1,
        "epoch": 0,
        "tries": 0,
        "est_ms": est_ms,
        "sfq_start": tags.start,
        "created_ms": now_ms,
        "queued_ms": now_ms,
    }
    request_id: int = db.execute(insert(request).returning(request.c.id), row).scalar_one()
    blobs = params_blobs(wish.params).items()
    db.execute(
        insert(request_blob), [{"request_id": request_id, "role": role, **blob_row(blob)} for role, blob in blobs]
    )
    write_ledger(db, person_id, request_id, LedgerKind.RESERVE, ms=need_ms, now_ms=now_ms)
    announce(db, request_id, 1, JobState.QUEUED, now_ms)
    count_change(db, held.id, before=None, after=JobState.QUEUED)
    terms.dispatch.queued(db, request_id, start=tags.start)
    return request_id


def foresee(db: Connection, terms: Terms, idem: str, member: Member, place: Place, duration_ms: int) -> None:
    """Refuse what `submit` would refuse now, before the pictures are written for it; what passes may still be refused.

    Raises QuotaExceeded, QueueFull.
    """
    if find(db, idem) is not None:
        return
    _check_room(db, terms, person_of(db, member), db.execute(select(queue.c.queued)).scalar_one())
    left_ms = allowance(db, terms, member, place.community_id).left_ms
    Bucket(level_ms=left_ms, at_ms=terms.clock.now_ms()).take(duration_ms, terms.rate)


def cancel(db: Connection, terms: Terms, request_id: int, *, by: Member, everyone: bool) -> None:
    """Cancel what waits, record the wish on what runs, leave alone what has ended.

    Raises UnknownRequest where it is not the member's own, unless `everyone`.
    """
    entry = lock(db, request_id)
    owner = person_of(db, by)
    own = entry is not None and entry.person_id == owner
    if entry is None or not (own or everyone):
        raise unknown(request_id)
    canceller = Canceller.MEMBER if own else Canceller.OPERATOR
    wish: dict[str, Any] = {"cancel_ms": terms.clock.now_ms(), "cancel_by": canceller}
    if entry.state is JobState.QUEUED:
        finish_cancelled(db, terms, entry, canceller, **wish)
    elif entry.state is JobState.RUNNING and entry.cancel_by is None:
        db.execute(update(request).where(request.c.id == request_id).values(**wish))


def requeue(db: Connection, terms: Terms, request_id: int) -> int:
    """A copy of a failed request, submitted for its member; the copy that is still open, where there is one.

    Raises UnknownRequest; RequestRejected where the request has not failed.
    """
    failed = queries.status(db, request_id)
    if failed is None:
        raise unknown(request_id)
    if failed.state is not JobState.FAILED and not failed.film_lost:
        raise RequestRejected(
            f"Request {request_id} is {failed.state}: only a failed one can be queued again.", field="request"
        )
    if failed.params.picture == GONE:
        raise RequestRejected(f"The files of request {request_id} are no longer kept.", field="request")
    number = 1
    while (copy_id := find(db, f"requeue:{request_id}:{number}")) is not None:
        copy = lock(db, copy_id)
        if copy is not None and not copy.state.terminal:
            return copy_id
        number += 1
    wish = Request(
        idem=f"requeue:{request_id}:{number}",
        member=failed.member,
        place=failed.place,
        params=failed.params,
        kind=failed.kind,
        parent_id=failed.parent_id,
    )
    return submit(db, terms, wish)


def allowance(db: Connection, terms: Terms, member: Member, community_id: str) -> Allowance:
    """Somebody never seen has all that a newcomer has."""
    query = (
        select(account)
        .join(identity, identity.c.person_id == account.c.person_id)
        .where(*_same(member), account.c.platform == member.platform, account.c.community_id == community_id)
    )
    row = db.execute(query).one_or_none()
    left_ms = terms.rate.burst_ms
    if row is not None:
        bucket = Bucket(level_ms=row.tokens_ms, at_ms=row.tokens_at_ms)
        left_ms = bucket.refilled(terms.rate, terms.clock.now_ms()).level_ms
    return Allowance(
        left_ms=left_ms,
        burst_ms=terms.rate.burst_ms,
        refill_ms_per_day=terms.rate.refill_ms_per_day,
        queued=row.queued if row is not None else 0,
        running=row.running if row is not None else 0,
    )


def history(db: Connection, member: Member, *, limit: int, before_id: int | None) -> list[Status]:
    """Of the person that the member is, newest first."""
    person_id = person_of(db, member)
    return [] if person_id is None else queries.history(db, person_id, limit=limit, before_id=before_id)


def person_of(db: Connection, member: Member) -> int | None:
    """Whoever this is on any platform; None for somebody never seen."""
    return db.execute(select(identity.c.person_id).where(*_same(member))).scalar_one_or_none()


def unknown(request_id: int) -> UnknownRequest:
    return UnknownRequest(f"There is no film number {request_id} that you may change.")


def _identify(db: Connection, member: Member, now_ms: int) -> tuple[int, int]:
    """Ids of the member's identity and person, made where they are new."""
    row = db.execute(_known(), {"on": member.platform, "as": member.user_id}).one_or_none()
    if row is not None:
        if (row.name, row.locale) != (member.name, member.locale):
            db.execute(update(identity).where(identity.c.id == row.id).values(name=member.name, locale=member.locale))
        return row.id, row.person_id
    person_id = db.execute(insert(person).values(created_ms=now_ms).returning(person.c.id)).scalar_one()
    row = insert(identity).values(
        person_id=person_id,
        platform=member.platform,
        platform_user_id=member.user_id,
        name=member.name,
        locale=member.locale,
    )
    return db.execute(row.returning(identity.c.id)).scalar_one(), person_id


def _account(db: Connection, terms: Terms, person_id: int, place: Place, now_ms: int) -> Row[Any]:
    key = {"of_person": person_id, "on": place.platform, "community": place.community_id}
    row = db.execute(_of_community(), key).one_or_none()
    if row is not None:
        return row
    new = insert(account).values(
        person_id=person_id,
        platform=place.platform,
        community_id=place.community_id,
        weight_permille=fairness.WEIGHT_ONE,
        tokens_ms=terms.rate.burst_ms,
        tokens_at_ms=now_ms,
        sfq_finish=0,
        queued=0,
        running=0,
    )
    return db.execute(new.returning(account)).one()


def _check_room(db: Connection, terms: Terms, person_id: int | None, queued: int) -> None:
    if queued >= terms.queue.queued_max:
        raise QueueFull(f"The queue is full with {queued} films: try again in a while.")
    own = db.execute(_waiting(), {"of_person": person_id}).scalar_one()
    if own >= terms.queue.queued_per_member_max:
        films = "1 film" if own == 1 else f"{own} films"
        raise QueueFull(f"You have {films} waiting already: let one begin, or cancel one, before you ask for more.")


# Made once: building a statement costs as much as running it, and a submit on a busy machine is mostly that.
@cache
def _of_idem() -> Select[int]:
    return select(request.c.id).where(request.c.idem == bindparam("key"))


@cache
def _whole_line() -> Select[Any]:
    return select(queue).with_for_update()


@cache
def _known() -> Select[Any]:
    return select(identity).where(
        identity.c.platform == bindparam("on"), identity.c.platform_user_id == bindparam("as")
    )


@cache
def _of_community() -> Select[Any]:
    same = (
        account.c.person_id == bindparam("of_person"),
        account.c.platform == bindparam("on"),
        account.c.community_id == bindparam("community"),
    )
    return select(account).where(*same).with_for_update()


@cache
def _waiting() -> Select[Any]:
    own = account.c.person_id == bindparam("of_person")
    return select(func.coalesce(func.sum(account.c.queued), 0)).where(own)


@cache
def _spend() -> Update:
    return update(account).where(account.c.id == bindparam("of_account"))


def _same(member: Member) -> tuple[Any, ...]:
    return identity.c.platform == member.platform, identity.c.platform_user_id == member.user_id
