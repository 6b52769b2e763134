"""What is kept for how long: first a request's pictures and checkpoints go, then its film. Files go by the sweep.

A file comes before the row that names it and goes after it, so that a row's file is always there.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, func, or_, select, update

from storage.jobs import JobState
from storage.schema import hide_vote, outbox, request, request_blob, section
from storage.settings import RetentionSettings
from storage.store.books import give_back, write_ledger
from storage.store.transitions import Terms, lock
from storage.words import BlobRole, LedgerKind

BATCH = 50
HOUR_MS = 3_600_000


def due(db: Connection, terms: Terms, kept: RetentionSettings) -> list[int]:
    """Requests with something to let go, oldest end first, a batch of them."""
    query = select(request.c.id).where(_due(terms, kept)).order_by(request.c.ended_ms, request.c.id)
    return list(db.execute(query.limit(BATCH)).scalars())


def purge(db: Connection, terms: Terms, kept: RetentionSettings, request_id: int) -> bool:
    """Let go of what this request has kept for long enough; False where there is nothing (any more)."""
    if lock(db, request_id) is None:
        return False
    # Asked again under the lock: another process may have purged it meanwhile.
    if db.execute(select(request.c.id).where(request.c.id == request_id, _due(terms, kept))).one_or_none() is None:
        return False
    whole = db.execute(select(_film_over(terms, kept)).where(request.c.id == request_id)).scalar_one()
    forget_files(db, request_id, terms.clock.now_ms(), whole=bool(whole))
    return True


def forget_files(db: Connection, request_id: int, now_ms: int, *, whole: bool) -> None:
    """Drop the rows that name files of a request that has ended. whole: its film and its announcements as well."""
    blobs = delete(request_blob).where(request_blob.c.request_id == request_id)
    columns: dict[str, Any] = {"trimmed_ms": func.coalesce(request.c.trimmed_ms, now_ms)}
    if whole:
        columns |= {"purged_ms": func.coalesce(request.c.purged_ms, now_ms), "result": None}
        for table in (outbox, hide_vote):
            db.execute(delete(table).where(table.c.request_id == request_id))
    else:
        blobs = blobs.where(request_blob.c.role.in_((BlobRole.PICTURE, BlobRole.END_PICTURE)))
    db.execute(delete(section).where(section.c.request_id == request_id))
    db.execute(blobs)
    db.execute(update(request).where(request.c.id == request_id).values(**columns))


def film_lost(db: Connection, terms: Terms, request_id: int) -> bool:
    """The film of a finished request is damaged or missing and nobody has seen it: nothing is charged for it.

    False where that is known already, or where there is no such film.
    """
    entry = lock(db, request_id)
    if entry is None or entry.state is not JobState.DONE:
        return False
    now_ms = terms.clock.now_ms()
    found = db.execute(
        update(request)
        .where(request.c.id == request_id, request.c.lost_ms.is_(None), request.c.purged_ms.is_(None))
        .values(lost_ms=now_ms)
        .returning(request.c.id)
    ).one_or_none()
    if found is None:
        return False
    write_ledger(db, entry.person_id, request_id, LedgerKind.AMEND, ms=-entry.duration_ms, now_ms=now_ms)
    # The card did work for it: film time returns to the member, the turn in the fair order does not.
    spent = {"est_ms": entry.est_ms, "spent_ms": entry.est_ms}
    give_back(db, entry.account_id, terms.tariff(db), now_ms, film_ms=entry.duration_ms, **spent)
    return True


def _due(terms: Terms, kept: RetentionSettings) -> ColumnElement[bool]:
    owed = exists().where(outbox.c.request_id == request.c.id, outbox.c.sent_ms.is_(None))
    uploads_over = (request.c.ended_ms <= _before_ms(terms, kept.upload_hours)) & request.c.trimmed_ms.is_(None)
    return (
        request.c.ended_ms.is_not(None)
        & request.c.purged_ms.is_(None)
        & or_(uploads_over, _film_over(terms, kept))
        # What no chat has shown yet is kept until one has.
        & ~owed
    )


def _film_over(terms: Terms, kept: RetentionSettings) -> ColumnElement[bool]:
    """Nothing of it is kept any longer. Without a film to keep, that is when its pictures go."""
    no_film = (request.c.state != JobState.DONE) | request.c.lost_ms.is_not(None)
    return or_(
        no_film & (request.c.ended_ms <= _before_ms(terms, kept.upload_hours)),
        request.c.ended_ms <= _before_ms(terms, 24 * kept.result_days),
    )


def _before_ms(terms: Terms, hours: float) -> int:
    return terms.clock.now_ms() - round(hours * HOUR_MS)
