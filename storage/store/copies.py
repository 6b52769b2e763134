"""Films that were posted once more, wherever their requester asked for them: known as long as they stand."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, delete, select, update

from storage.clock import Clock
from storage.jobs import MessageRef, Place
from storage.schema import chat_message, outbox, request
from storage.store import removals
from storage.store.books import write_message
from storage.store.outbox import is_message
from storage.store.transitions import lock
from storage.words import MessageKind


def posted(db: Connection, clock: Clock, request_id: int, ref: MessageRef, rev: int) -> None:
    """A copy stands and shows `rev`. Again: no change, or a newer revision.

    One of a film that was covered meanwhile is owed its cover; of one that was deleted meanwhile, its removal.
    """
    if lock(db, request_id) is None:
        return  # the platform has it and nobody else: a backup was put back meanwhile
    row = db.execute(select(request.c.rev, request.c.purged_ms).where(request.c.id == request_id)).one()
    if row.purged_ms is not None:
        removals.owe(db, clock.now_ms(), request_id, [ref])
        return
    forget(db, ref)
    write_message(db, request_id, MessageKind.COPY, ref, min(rev, row.rev))
    if rev < row.rev:
        newest = outbox.c.request_id == request_id, outbox.c.rev == row.rev
        db.execute(update(outbox).where(*newest).values(sent_ms=None))


def forget(db: Connection, ref: MessageRef) -> None:
    """The copy is gone, or out of reach."""
    db.execute(delete(chat_message).where(*is_message(ref), chat_message.c.kind == MessageKind.COPY))


def stands_in(db: Connection, request_id: int, place: Place) -> bool:
    """Whether a copy of this film stands in that very room."""
    copy = chat_message.c.request_id == request_id, chat_message.c.kind == MessageKind.COPY
    query = select(chat_message.c.kind).where(*copy, *in_room(place))
    return db.execute(query.limit(1)).one_or_none() is not None


def in_room(place: Place) -> tuple[ColumnElement[bool], ...]:
    return chat_message.c.platform == place.platform, chat_message.c.chat_id == place.chat_id
