"""What people do with a film that stands in a chat: take a reroll of it back, cover it, let it go."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from storage.errors import RequestRejected, Rule
from storage.jobs import JobState, Member, MessageRef, Place, RequestKind
from storage.schema import chat_message, hide_vote, identity, in_state, request
from storage.store import copies, outbox, removals
from storage.store.books import announce
from storage.store.members import identify, made_in, person_of, unknown
from storage.store.retention import forget_files
from storage.store.transitions import Terms, finish_cancelled, lock
from storage.words import Canceller, MessageKind


def unreroll(db: Connection, terms: Terms, film_id: int, *, by: Member, place: Place | None) -> int | None:
    """Cancel the member's own reroll of this film while it waits; None where none does."""
    query = (
        select(request.c.id)
        .join(identity)
        .where(
            request.c.parent_id == film_id,
            request.c.kind == RequestKind.REROLL,
            in_state(JobState.QUEUED),
            identity.c.person_id == person_of(db, by),
        )
    )
    found = db.execute(query.limit(1)).scalar_one_or_none()
    entry = None if found is None else lock(db, found)
    if entry is None or entry.state is not JobState.QUEUED or not made_in(db, entry, place):
        return None
    wish: dict[str, Any] = {"cancel_ms": terms.clock.now_ms(), "cancel_by": Canceller.MEMBER}
    finish_cancelled(db, terms, entry, Canceller.MEMBER, **wish)
    return entry.id


def let_go(
    db: Connection, terms: Terms, request_id: int, *, by: Member, everyone: bool, place: Place | None
) -> tuple[MessageRef, ...]:
    """Its files are no longer kept, and every message that shows it is to go: those that still stand are the answer.

    `everyone` in a place where only copies stand: those of that room go, and nothing else.
    Raises UnknownRequest where it is not the member's own, unless `everyone`, and where it is neither of that community
    nor stands there; RequestRejected while it is open.
    """
    entry = lock(db, request_id)
    own = entry is not None and entry.person_id == person_of(db, by)
    if entry is None or not (own or everyone):
        raise unknown(request_id)
    now_ms = terms.clock.now_ms()
    if not made_in(db, entry, place):
        if place is None or not copies.stands_in(db, request_id, place):
            raise unknown(request_id)
        if not own:
            copy = chat_message.c.kind == MessageKind.COPY
            removals.owe_known(db, now_ms, [request_id], copy, *copies.in_room(place))
            return removals.owed(db, [request_id])
    if not entry.state.terminal:
        sentence = f"Film {request_id} is not finished yet: cancel it instead."
        raise RequestRejected(sentence, field="request", rule=Rule.STILL_OPEN, figures={"request_id": request_id})
    removals.owe_known(db, now_ms, [request_id])
    forget_files(db, request_id, now_ms, whole=True)
    return removals.owed(db, [request_id])


def hide(
    db: Connection, terms: Terms, request_id: int, *, by: Member, everyone: bool, place: Place | None, votes: int
) -> None:
    """Cover a film: at once where its requester or a moderator (`everyone`) wishes it, else once `votes` members do.

    Again: no change. Raises UnknownRequest where it is of another community and no copy stands there; RequestRejected
    where no film is kept.
    """
    entry = lock(db, request_id)
    if entry is None or not (made_in(db, entry, place) or (place and copies.stands_in(db, request_id, place))):
        raise unknown(request_id)
    row = db.execute(
        select(request.c.hidden_ms, request.c.result, request.c.lost_ms, request.c.unreached_ms).where(
            request.c.id == request_id
        )
    ).one()
    if row.result is None or row.lost_ms is not None:
        sentence = f"There is no film {request_id} that could be covered."
        raise RequestRejected(sentence, field="request", rule=Rule.NO_FILM, figures={"request_id": request_id})
    if row.hidden_ms is not None:
        return
    now_ms = terms.clock.now_ms()
    if not everyone and entry.person_id != person_of(db, by) and _vote(db, request_id, by, now_ms) < votes:
        return
    # A revision without a change of state: the relay shows it as it shows any other.
    rev = entry.rev + 1
    db.execute(update(request).where(request.c.id == request_id).values(hidden_ms=now_ms, rev=rev))
    announce(db, request_id, rev, entry.state, now_ms)
    if row.unreached_ms is not None:
        # It stands nowhere but in copies, and perhaps in none. One that is on its way brings an older revision with it.
        outbox.sent(db, terms.clock, request_id, rev)


def _vote(db: Connection, request_id: int, by: Member, now_ms: int) -> int:
    """Count this member once; returns how many there are now."""
    _, person_id = identify(db, by, now_ms)
    same = hide_vote.c.request_id == request_id, hide_vote.c.person_id == person_id
    if db.execute(select(hide_vote.c.at_ms).where(*same)).one_or_none() is None:
        db.execute(insert(hide_vote).values(request_id=request_id, person_id=person_id, at_ms=now_ms))
    return db.execute(select(func.count()).where(hide_vote.c.request_id == request_id)).scalar_one()
