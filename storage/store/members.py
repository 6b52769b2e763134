"""The members' side: asking for a film and taking the wish back."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, insert, select, update
from sqlalchemy.engine import Row

from storage import fairness
from storage.documents import blob_row, params_blobs, write_params
from storage.errors import RequestRejected, Rule, UnknownRequest
from storage.estimates import estimate_ms
from storage.jobs import GONE, JobState, Member, Place, Request, RequestKind, Status, drawn_ms, section_count
from storage.quota import Allowance, Purse, Tariff
from storage.schema import account, identity, person, queue, request, request_blob
from storage.settings import RerollSettings
from storage.store import admission, purse, queries, reroll, waiting
from storage.store.books import SHOWS_NOTHING, Change, announce, count_change, write_ledger, write_message
from storage.store.pause import on_waiting_clock
from storage.store.transitions import Entry, Terms, finish_cancelled, lock
from storage.tariff import card_ms
from storage.words import Canceller, LedgerKind, MessageKind


def find(db: Connection, idem: str) -> int | None:
    """The request that was accepted under this key."""
    return db.execute(_of_idem(), {"key": idem}).scalar_one_or_none()


def submit(db: Connection, terms: Terms, wish: Request, rerolls: RerollSettings | None = None) -> int:
    """Accept a request, or return the one that was accepted under its key before.

    rerolls: what holds for rerolls; None holds nobody to anything.
    Raises QuotaExceeded, QueueFull; UnknownRequest where its parent is; RequestRejected by the rules for rerolls.
    """
    if (found := find(db, wish.idem)) is not None:
        return found
    now_ms = terms.clock.now_ms()
    if wish.parent_id is not None and (lock(db, wish.parent_id) is None or _is_gone(db, wish)):
        raise unknown(wish.parent_id)
    identity_id, person_id = identify(db, wish.member, now_ms)
    tariff = terms.tariff(db)
    held = _account(db, tariff, person_id, wish.place, now_ms)
    original_id = reroll.allow(db, wish, rerolls, person_id=person_id, account_id=held.id, now_ms=now_ms)
    line = db.execute(_whole_line()).one()
    admission.check(db, terms, line, person_id=person_id, finish=held.sfq_finish)

    params = replace(wish.params, duration_ms=drawn_ms(wish.params.duration_ms))
    need_ms = params.duration_ms
    after = purse.of_account(held, tariff, now_ms).take(need_ms, tariff)
    est_ms = estimate_ms(db, params)
    tags = fairness.tags(
        virtual_ms=line.virtual_ms, finish=held.sfq_finish, est_ms=est_ms, weight_permille=held.weight_permille
    )
    purse.keep(db, held, after, sfq_finish=tags.finish)
    row: dict[str, Any] = {
        "idem": wish.idem,
        "identity_id": identity_id,
        "account_id": held.id,
        "chat_id": wish.place.chat_id,
        "kind": wish.kind,
        "parent_id": wish.parent_id,
        "params": write_params(params),
        "duration_ms": need_ms,
        "sections": section_count(need_ms),
        "state": JobState.QUEUED,
        "rev": 1,
        "epoch": 0,
        "tries": 0,
        "est_ms": est_ms,
        "sfq_start": tags.start,
        "created_ms": now_ms,
        "queued_ms": on_waiting_clock(line, now_ms),
        "origin": wish.origin,
        "spoiler": int(wish.spoiler),
        "original_id": original_id,
    }
    request_id: int = db.execute(insert(request).returning(request.c.id), row).scalar_one()
    blobs = params_blobs(wish.params).items()
    db.execute(
        insert(request_blob), [{"request_id": request_id, "role": role, **blob_row(blob)} for role, blob in blobs]
    )
    write_ledger(db, person_id, request_id, LedgerKind.RESERVE, ms=need_ms, now_ms=now_ms)
    announce(db, request_id, 1, JobState.QUEUED, now_ms)
    if wish.status_ref is not None:
        write_message(db, request_id, MessageKind.STATUS, wish.status_ref, SHOWS_NOTHING)
    count_change(db, held.id, Change(before=None, after=JobState.QUEUED, est_ms=est_ms))
    terms.dispatch.queued(db, request_id, start=tags.start)
    return request_id


def _is_gone(db: Connection, wish: Request) -> bool:
    """Whether its parent, locked, was deleted or its person erased since somebody looked: nothing is made of it."""
    query = (
        select(request.c.purged_ms, person.c.erased_ms)
        .select_from(request.join(identity, identity.c.id == request.c.identity_id))
        .join(person, person.c.id == identity.c.person_id)
        .where(request.c.id == wish.parent_id)
    )
    parent = db.execute(query).one()
    return parent.erased_ms is not None or (parent.purged_ms is not None and wish.kind is not RequestKind.NEW)


def foresee(db: Connection, terms: Terms, idem: str, member: Member, place: Place, duration_ms: int) -> None:
    """Refuse what `submit` would refuse now, before the pictures are written for it; what passes may still be refused.

    Raises QuotaExceeded, QueueFull.
    """
    if find(db, idem) is not None:
        return
    person_id = person_of(db, member)
    finish = db.execute(_finish(), _key(person_id, place)).scalar_one_or_none()
    admission.check(db, terms, db.execute(select(queue)).one(), person_id=person_id, finish=finish or 0)
    tariff = terms.tariff(db)
    standing, _ = _standing(db, terms, tariff, member, place.community_id)
    standing.take(drawn_ms(duration_ms), tariff)


def cancel(
    db: Connection, terms: Terms, request_id: int, *, by: Member, everyone: bool, place: Place | None = None
) -> None:
    """Cancel what waits, record the wish on what runs, leave alone what has ended.

    Raises UnknownRequest where it is not the member's own, unless `everyone`, and where it is of another community.
    """
    entry = lock(db, request_id)
    owner = person_of(db, by)
    own = entry is not None and entry.person_id == owner
    if entry is None or not (own or everyone) or not made_in(db, entry, place):
        raise unknown(request_id)
    canceller = Canceller.MEMBER if own else Canceller.MODERATOR
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
        origin=failed.origin,
        spoiler=failed.spoiler,
    )
    return submit(db, terms, wish)


def allowance(db: Connection, terms: Terms, member: Member, community_id: str) -> Allowance:
    """Somebody never seen has all that a newcomer has."""
    tariff = terms.tariff(db)
    standing, row = _standing(db, terms, tariff, member, community_id)
    rate = min(tariff.community, tariff.person, key=lambda rate: rate.burst_ms)
    return Allowance(
        left_ms=standing.left_ms,
        everywhere=standing.everywhere,
        burst_ms=rate.burst_ms,
        refill_ms_per_day=rate.refill_ms_per_day,
        card_ms=card_ms(db, rate.burst_ms, terms.usual) if waiting.measured(db) else None,
        queued=row.queued if row is not None else 0,
        running=row.running if row is not None else 0,
    )


def _standing(
    db: Connection, terms: Terms, tariff: Tariff, member: Member, community_id: str
) -> tuple[Purse, Row[Any] | None]:
    """What they may spend in that community now, and their account there."""
    person_id, now_ms = person_of(db, member), terms.clock.now_ms()
    query = purse.held().where(
        account.c.person_id == person_id,
        account.c.platform == member.platform,
        account.c.community_id == community_id,
    )
    row = db.execute(query).one_or_none()
    if row is None:
        return purse.of_person(db, person_id, tariff, now_ms), None
    return purse.of_account(row, tariff, now_ms), row


def history(db: Connection, member: Member, *, limit: int, before_id: int | None) -> list[Status]:
    """Of the person that the member is, newest first."""
    person_id = person_of(db, member)
    return [] if person_id is None else queries.history(db, person_id, limit=limit, before_id=before_id)


def person_of(db: Connection, member: Member) -> int | None:
    """Whoever this is on any platform; None for somebody never seen."""
    return db.execute(select(identity.c.person_id).where(*_same(member))).scalar_one_or_none()


def locale_of(db: Connection, member: Member) -> str:
    """As they last came; empty for somebody never seen."""
    return db.execute(select(identity.c.locale).where(*_same(member))).scalar_one_or_none() or ""


def made_in(db: Connection, entry: Entry, place: Place | None) -> bool:
    """Whether the request is of the community of that place; of any, where None is given."""
    if place is None:
        return True
    row = db.execute(select(account.c.platform, account.c.community_id).where(account.c.id == entry.account_id)).one()
    return (row.platform, row.community_id) == (place.platform, place.community_id)


def owns(db: Connection, request_id: int, member: Member) -> bool:
    query = select(identity.c.person_id).join(request, request.c.identity_id == identity.c.id)
    owner = db.execute(query.where(request.c.id == request_id)).scalar_one_or_none()
    return owner is not None and owner == person_of(db, member)


def unknown(request_id: int) -> UnknownRequest:
    return UnknownRequest(
        f"There is no film number {request_id} that you may change.",
        rule=Rule.UNKNOWN_FILM,
        figures={"request_id": request_id},
    )


def identify(db: Connection, member: Member, now_ms: int) -> tuple[int, int]:
    """Ids of the member's identity and person, made where they are new. A language nobody knows changes none."""
    row = db.execute(_known(), {"on": member.platform, "as": member.user_id}).one_or_none()
    if row is not None:
        locale = member.locale or row.locale
        if (row.name, row.locale) != (member.name, locale):
            db.execute(update(identity).where(identity.c.id == row.id).values(name=member.name, locale=locale))
        return row.id, row.person_id
    person_id = db.execute(insert(person).values(created_ms=now_ms, running=0).returning(person.c.id)).scalar_one()
    row = insert(identity).values(
        person_id=person_id,
        platform=member.platform,
        platform_user_id=member.user_id,
        name=member.name,
        locale=member.locale,
    )
    return db.execute(row.returning(identity.c.id)).scalar_one(), person_id


def _account(db: Connection, tariff: Tariff, person_id: int, place: Place, now_ms: int) -> Row[Any]:
    key = _key(person_id, place)
    row = db.execute(_of_community(), key).one_or_none()
    if row is not None:
        return row
    new = insert(account).values(
        person_id=person_id,
        platform=place.platform,
        community_id=place.community_id,
        weight_permille=fairness.WEIGHT_ONE,
        tokens_ms=tariff.community.burst_ms,
        tokens_at_ms=now_ms,
        sfq_finish=0,
        queued=0,
        running=0,
    )
    db.execute(new)
    return db.execute(_of_community(), key).one()


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
    return purse.held().where(*_there()).with_for_update()


@cache
def _finish() -> Select[int]:
    return select(account.c.sfq_finish).where(*_there())


def _there() -> tuple[ColumnElement[bool], ...]:
    return (
        account.c.person_id == bindparam("of_person"),
        account.c.platform == bindparam("on"),
        account.c.community_id == bindparam("community"),
    )


def _key(person_id: int | None, place: Place) -> dict[str, Any]:
    return {"of_person": person_id, "on": place.platform, "community": place.community_id}


def _same(member: Member) -> tuple[Any, ...]:
    return identity.c.platform == member.platform, identity.c.platform_user_id == member.user_id
