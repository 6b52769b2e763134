"""The relay's side: what chats must still show, and which messages show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, or_, select, update

from storage.clock import Clock
from storage.errors import UnknownRequest
from storage.jobs import JobState, MessageRef, Status
from storage.schema import chat_message, in_state, outbox, request
from storage.store.books import write_message
from storage.store.queries import seen, statuses
from storage.words import MessageKind

PUT_OFF_MS_MAX = 600_000
"""No revision is put off for longer. One that seems to be was written before the wall clock was set back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxItem:
    """The newest revision of a request that no chat shows yet. Older ones are covered by it."""

    request_id: int
    rev: int
    tries: int
    """Deliveries of this revision that were put off."""
    status_ref: MessageRef | None
    film_ref: MessageRef | None
    film_rev: int
    """What the film's message shows; 0 where there is none."""
    line_ref: MessageRef | None
    """The line that the film's message is to be made of."""
    copies: tuple[MessageRef, ...] = ()
    """Of the film, posted again elsewhere, that show an older revision."""
    status: Status


def due(db: Connection, clock: Clock, *, limit: int) -> list[OutboxItem]:
    """What has ended before all else, oldest first."""
    now_ms = clock.now_ms()
    newest = (
        select(outbox.c.request_id, outbox.c.rev, outbox.c.tries)
        .join(request, (request.c.id == outbox.c.request_id) & (request.c.rev == outbox.c.rev))
        .where(
            outbox.c.sent_ms.is_(None),
            or_(outbox.c.not_before_ms <= now_ms, outbox.c.not_before_ms > now_ms + PUT_OFF_MS_MAX),
        )
        .order_by(request.c.ended_ms.is_(None), outbox.c.not_before_ms, outbox.c.request_id)
        .limit(limit)
    )
    rows = db.execute(newest).all()
    ids = [row.request_id for row in rows]
    known = {status.request_id: status for status in statuses(db, seen().where(request.c.id.in_(ids)))}
    messages = db.execute(select(chat_message).where(chat_message.c.request_id.in_(ids))).all()
    refs = {(row.request_id, row.kind): ref_of(row) for row in messages}
    film_revs = {row.request_id: row.applied_rev for row in messages if row.kind == MessageKind.FILM}
    return [
        OutboxItem(
            request_id=row.request_id,
            rev=row.rev,
            tries=row.tries,
            status_ref=refs.get((row.request_id, MessageKind.STATUS)),
            film_ref=refs.get((row.request_id, MessageKind.FILM)),
            film_rev=film_revs.get(row.request_id, 0),
            line_ref=refs.get((row.request_id, MessageKind.LINE)),
            copies=tuple(
                ref_of(it)
                for it in messages
                if it.request_id == row.request_id and it.kind == MessageKind.COPY and it.applied_rev < row.rev
            ),
            status=known[row.request_id],
        )
        for row in rows
    ]


def message_posted(db: Connection, clock: Clock, request_id: int, kind: MessageKind, ref: MessageRef, rev: int) -> None:
    """A message exists and shows `rev`; older revisions need no showing. Replaces the one known before."""
    _known(db, request_id, rev)
    # The line is what the film's message was made of: it is no message of its own any more.
    replaced = (kind, MessageKind.LINE) if kind is MessageKind.FILM else (kind,)
    db.execute(delete(chat_message).where(chat_message.c.request_id == request_id, chat_message.c.kind.in_(replaced)))
    write_message(db, request_id, kind, ref, rev)
    _mark_sent(db, clock, request_id, rev - 1)


def message_removed(db: Connection, request_id: int, kind: MessageKind) -> None:
    """The message is gone, whoever removed it."""
    db.execute(delete(chat_message).where(chat_message.c.request_id == request_id, chat_message.c.kind == kind))


def sent(db: Connection, clock: Clock, request_id: int, rev: int) -> None:
    """The request's own messages show `rev` or are newer; nothing up to it is owed any more, but by its copies."""
    _known(db, request_id, rev)
    older = chat_message.c.request_id == request_id, chat_message.c.applied_rev < rev
    db.execute(update(chat_message).where(*older, chat_message.c.kind != MessageKind.COPY).values(applied_rev=rev))
    # A copy that came while the others were shown still shows what was.
    copies = db.execute(select(chat_message.c.message_id).where(*older).limit(1)).one_or_none()
    _mark_sent(db, clock, request_id, rev if copies is None else rev - 1)


def retry(db: Connection, clock: Clock, request_id: int, rev: int, *, after_ms: int) -> None:
    """This revision could not be shown: try again later, unless a newer one comes first."""
    db.execute(
        update(outbox)
        .where(outbox.c.request_id == request_id, outbox.c.rev == rev, outbox.c.sent_ms.is_(None))
        .values(not_before_ms=clock.now_ms() + min(after_ms, PUT_OFF_MS_MAX), tries=outbox.c.tries + 1)
    )


def unreachable(db: Connection, clock: Clock, request_id: int, rev: int) -> bool:
    """The chat takes no message about it for now: nothing up to `rev` is owed.

    True once in a request's life, where it has ended: then no message of it is known any more, and its member may be
    told in another way. While it is open its status message is still known: the chat may open again.
    """
    sent(db, clock, request_id, rev)
    first = (
        update(request)
        .where(
            request.c.id == request_id,
            # An ending that came while an earlier revision was refused is told with its own.
            request.c.rev == rev,
            request.c.ended_ms.is_not(None),
            request.c.unreached_ms.is_(None),
        )
        .values(unreached_ms=clock.now_ms())
        .returning(request.c.id)
    )
    if db.execute(first).one_or_none() is None:
        return False
    own = chat_message.c.request_id == request_id, chat_message.c.kind != MessageKind.COPY
    db.execute(delete(chat_message).where(*own))
    return True


def by_message(db: Connection, ref: MessageRef) -> int | None:
    """The request that a message of the bot is about."""
    query = select(chat_message.c.request_id).where(*is_message(ref))
    return db.execute(query.limit(1)).scalars().one_or_none()


def live(db: Connection) -> dict[int, MessageRef]:
    """Status messages of requests that have not ended: those a relay keeps up to date, also after a restart."""
    query = (
        select(chat_message)
        .join(request, request.c.id == chat_message.c.request_id)
        .where(
            chat_message.c.kind == MessageKind.STATUS,
            in_state(JobState.QUEUED) | in_state(JobState.RUNNING),
        )
    )
    return {row.request_id: ref_of(row) for row in db.execute(query)}


def is_message(ref: MessageRef) -> tuple[ColumnElement[bool], ...]:
    """Of rows of `chat_message`: this very message."""
    m = chat_message.c
    return m.platform == ref.platform, m.chat_id == ref.chat_id, m.message_id == ref.message_id


def ref_of(row: Row[Any]) -> MessageRef:
    return MessageRef(platform=row.platform, chat_id=row.chat_id, message_id=row.message_id)


def _mark_sent(db: Connection, clock: Clock, request_id: int, up_to_rev: int) -> None:
    db.execute(
        update(outbox)
        .where(outbox.c.request_id == request_id, outbox.c.rev <= up_to_rev, outbox.c.sent_ms.is_(None))
        .values(sent_ms=clock.now_ms())
    )


def _known(db: Connection, request_id: int, rev: int) -> None:
    """A revision that never was would hide every one to come."""
    # Of what was purged nothing is told any more; of what was erased no message may be written down again.
    kept = request.c.id == request_id, request.c.purged_ms.is_(None)
    found = db.execute(select(request.c.rev).where(*kept)).scalar_one_or_none()
    if found is None or not 1 <= rev <= found:
        raise UnknownRequest(f"There is no revision {rev} of request {request_id}.")
