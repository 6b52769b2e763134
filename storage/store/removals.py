"""Messages that must go from chats: known until they are gone, so that no outage and no kill leaves one standing.

But for one: a message whose post was under way when its film was deleted, by a bot killed before it wrote that down.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, insert, or_, select, update

from storage.clock import Clock
from storage.jobs import MessageRef
from storage.schema import chat_message, identity, person, removal, request
from storage.store.outbox import PUT_OFF_MS_MAX, ref_of

GIVEN_UP_MS, GIVEN_UP_TRIES = 7 * 86_400_000, 20
"""Both, for a wall clock that is set forward makes a week of a minute.

What no platform took away for so long is let be: a bot that nobody runs any more owes nothing for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A message to take away."""

    request_id: int
    ref: MessageRef
    tries: int
    """That were put off."""


def owe(db: Connection, now_ms: int, request_id: int, refs: Iterable[MessageRef]) -> None:
    """These are to go. Again: no change."""
    for ref in refs:
        if db.execute(select(removal.c.tries).where(*_is(ref))).one_or_none() is None:
            row = {"platform": ref.platform, "chat_id": ref.chat_id, "message_id": ref.message_id}
            times = {"owed_ms": now_ms, "not_before_ms": now_ms}
            db.execute(insert(removal).values(request_id=request_id, tries=0, **row, **times))


def owe_unknown(db: Connection, clock: Clock, request_id: int, ref: MessageRef) -> None:
    """A message that nobody wrote down is to go, where the request was ever known here. Again: no change."""
    if db.execute(select(request.c.id).where(request.c.id == request_id)).one_or_none() is not None:
        owe(db, clock.now_ms(), request_id, [ref])


def owe_known(db: Connection, now_ms: int, requests: Sequence[int], *only: ColumnElement[bool]) -> None:
    """Every message that is known to show these requests is to go, and shows nothing from now on."""
    chosen = chat_message.c.request_id.in_(requests), *only
    for row in db.execute(select(chat_message).where(*chosen)).all():
        owe(db, now_ms, row.request_id, [ref_of(row)])
    db.execute(delete(chat_message).where(*chosen))


def owed(db: Connection, requests: Sequence[int]) -> tuple[MessageRef, ...]:
    """What of these requests still stands and is to go."""
    return tuple(ref_of(row) for row in db.execute(select(removal).where(removal.c.request_id.in_(requests))))


def due(db: Connection, clock: Clock, *, limit: int) -> list[Removal]:
    """Oldest first."""
    now_ms = clock.now_ms()
    later_ms = now_ms + PUT_OFF_MS_MAX
    query = (
        select(removal)
        # What seems to be put off for longer was written before the wall clock was set back.
        .where(or_(removal.c.not_before_ms <= now_ms, removal.c.not_before_ms > later_ms))
        .order_by(removal.c.not_before_ms, removal.c.request_id)
        .limit(limit)
    )
    return [Removal(request_id=row.request_id, ref=ref_of(row), tries=row.tries) for row in db.execute(query)]


def done(db: Connection, clock: Clock, ref: MessageRef) -> None:
    """It is gone, or nobody can take it away. Again: no change."""
    row = db.execute(delete(removal).where(*_is(ref)).returning(removal.c.request_id)).one_or_none()
    if row is None:
        return
    asker = person.join(identity).join(request, request.c.identity_id == identity.c.id)
    whose = select(person.c.id, person.c.erased_ms).select_from(asker).where(request.c.id == row.request_id)
    owner = db.execute(whose).one()
    left = select(removal.c.tries).where(removal.c.request_id.in_(_requests_of(owner.id))).limit(1)
    if owner.erased_ms is not None and db.execute(left).one_or_none() is None:
        # The last trace of somebody erased has left its row only now: pages and backups are due once more.
        db.execute(update(person).where(person.c.id == owner.id).values(erased_ms=clock.now_ms(), scrubbed_ms=None))


def retry(db: Connection, clock: Clock, ref: MessageRef, *, after_ms: int) -> None:
    """It could not be taken away: again later, until it is given up."""
    now_ms = clock.now_ms()
    row = db.execute(select(removal.c.owed_ms, removal.c.tries).where(*_is(ref))).one_or_none()
    if row is not None and now_ms - row.owed_ms >= GIVEN_UP_MS and row.tries >= GIVEN_UP_TRIES:
        done(db, clock, ref)
        return
    later: dict[str, Any] = {"not_before_ms": now_ms + min(after_ms, PUT_OFF_MS_MAX), "tries": removal.c.tries + 1}
    db.execute(update(removal).where(*_is(ref)).values(later))


def _is(ref: MessageRef) -> tuple[ColumnElement[bool], ...]:
    return (
        removal.c.platform == ref.platform,
        removal.c.chat_id == ref.chat_id,
        removal.c.message_id == ref.message_id,
    )


def _requests_of(person_id: int) -> Select[int]:
    return select(request.c.id).join(identity).where(identity.c.person_id == person_id)
