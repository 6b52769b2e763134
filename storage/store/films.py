"""What people do with a film that stands in a chat: take a reroll of it back, cover it, let it go."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from storage.errors import RequestRejected, Rule
from storage.jobs import JobState, Member, MessageRef, Place, RequestKind
from storage.schema import chat_message, hide_vote, identity, in_state, request
from storage.store.books import announce
from storage.store.members import identify, made_in, person_of, unknown
from storage.store.retention import forget_files
from storage.store.transitions import Entry, Terms, finish_cancelled, lock
from storage.words import Canceller


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
    """Its files are no longer kept, nor is it known which messages show it: those are the answer, to be removed.

    Again: nothing is left to answer. Raises UnknownRequest where it is not the member's own, unless `everyone`, and
    where it is of another community; RequestRejected while it is open.
    """
    entry = _theirs(db, request_id, by=by, everyone=everyone, place=place)
    if not entry.state.terminal:
        sentence = f"Film {request_id} is not finished yet: cancel it instead."
        raise RequestRejected(sentence, field="request", rule=Rule.STILL_OPEN, figures={"request_id": request_id})
    messages = tuple(
        MessageRef(platform=row.platform, chat_id=row.chat_id, message_id=row.message_id)
        for row in db.execute(select(chat_message).where(chat_message.c.request_id == request_id))
    )
    db.execute(delete(chat_message).where(chat_message.c.request_id == request_id))
    forget_files(db, request_id, terms.clock.now_ms(), whole=True)
    return messages


def hide(
    db: Connection, terms: Terms, request_id: int, *, by: Member, everyone: bool, place: Place | None, votes: int
) -> None:
    """Cover a film: at once where its requester or a moderator (`everyone`) wishes it, else once `votes` members do.

    Again: no change. Raises UnknownRequest where it is of another community; RequestRejected where no film is kept.
    """
    entry = lock(db, request_id)
    if entry is None or not made_in(db, entry, place):
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
    # A revision without a change of state: the relay shows it as it shows any other, where there is a chat to show it.
    shown = row.unreached_ms is None
    rev = entry.rev + shown
    db.execute(update(request).where(request.c.id == request_id).values(hidden_ms=now_ms, rev=rev))
    if shown:
        announce(db, request_id, rev, entry.state, now_ms)


def _theirs(db: Connection, request_id: int, *, by: Member, everyone: bool, place: Place | None) -> Entry:
    entry = lock(db, request_id)
    if entry is None or not made_in(db, entry, place) or not (everyone or entry.person_id == person_of(db, by)):
        raise unknown(request_id)
    return entry


def _vote(db: Connection, request_id: int, by: Member, now_ms: int) -> int:
    """Count this member once; returns how many there are now."""
    _, person_id = identify(db, by, now_ms)
    same = hide_vote.c.request_id == request_id, hide_vote.c.person_id == person_id
    if db.execute(select(hide_vote.c.at_ms).where(*same)).one_or_none() is None:
        db.execute(insert(hide_vote).values(request_id=request_id, person_id=person_id, at_ms=now_ms))
    return db.execute(select(func.count()).where(hide_vote.c.request_id == request_id)).scalar_one()
