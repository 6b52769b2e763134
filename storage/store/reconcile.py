"""After a restore: requests made honest about an engine that is not there and files that are not whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from storage.documents import read_blob
from storage.jobs import Blob, JobState
from storage.schema import in_state, outbox, request, request_blob, section
from storage.store.retention import film_lost, forget_files
from storage.store.transitions import Terms, finish_cancelled, lock, put_back
from storage.words import BlobRole, Outcome

_OF_THE_FILM = frozenset((BlobRole.FILM, BlobRole.POSTER))


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFile:
    """A file, and what it is to which request."""

    request_id: int
    role: BlobRole | None
    """None for a section's checkpoint."""
    section: int
    """0 for everything else."""
    blob: Blob


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """By request."""

    queued_again: tuple[int, ...]
    """They were running; no try is spent."""
    drawn_again: tuple[int, ...]
    """Open, and some checkpoints are gone: they go on from those before."""
    film_lost: tuple[int, ...]
    """Done, and nobody has seen the film, which is gone: nothing is charged, no delivery is tried."""
    forgotten: tuple[int, ...]
    """Ended and shown, and files are gone: no longer kept."""


def files_named(db: Connection) -> list[NamedFile]:
    """Every file that a row names."""
    found = [
        NamedFile(request_id=row.request_id, role=BlobRole(row.role), section=0, blob=read_blob(row))
        for row in db.execute(select(request_blob))
    ]
    found += [
        NamedFile(request_id=row.request_id, role=None, section=row.idx, blob=read_blob(row))
        for row in db.execute(select(section))
    ]
    return found


def reconcile(db: Connection, terms: Terms, damaged: Sequence[NamedFile]) -> Mended:
    """damaged: files that are missing or not what they were."""
    queued_again = [request_id for request_id in _running(db) if _queue_again(db, terms, request_id)]
    drawn_again: list[int] = []
    lost: list[int] = []
    forgotten: list[int] = []
    files_of: defaultdict[int, list[NamedFile]] = defaultdict(list)
    for file in damaged:
        files_of[file.request_id].append(file)
    for request_id, files in sorted(files_of.items()):
        entry = lock(db, request_id)
        if entry is None:
            continue
        if not entry.state.terminal:
            # Without its picture it cannot go on: the engine says so itself, and refunds it.
            if _drop_sections(db, request_id, files):
                drawn_again.append(request_id)
        elif entry.state is JobState.DONE and any(file.role in _OF_THE_FILM for file in files):
            if not _owed(db, request_id):
                forget_files(db, request_id, terms.clock.now_ms(), whole=True)
                forgotten.append(request_id)
            elif film_lost(db, terms, request_id):
                lost.append(request_id)
        else:
            _forget_parts(db, terms, request_id, files)
            forgotten.append(request_id)
    return Mended(
        queued_again=tuple(queued_again),
        drawn_again=tuple(drawn_again),
        film_lost=tuple(lost),
        forgotten=tuple(forgotten),
    )


def _running(db: Connection) -> list[int]:
    return list(db.execute(select(request.c.id).where(in_state(JobState.RUNNING)).order_by(request.c.id)).scalars())


def _queue_again(db: Connection, terms: Terms, request_id: int) -> bool:
    entry = lock(db, request_id)
    if entry is None or entry.state is not JobState.RUNNING:
        return False
    if entry.cancel_by is not None:
        finish_cancelled(db, terms, entry, entry.cancel_by)
        return False
    put_back(db, terms, entry, Outcome.RELEASED)
    return True


def _drop_sections(db: Connection, request_id: int, files: Iterable[NamedFile]) -> bool:
    """A film goes on from its last whole section."""
    first = min((file.section for file in files if file.role is None), default=None)
    if first is None:
        return False
    db.execute(delete(section).where(section.c.request_id == request_id, section.c.idx >= first))
    return True


def _owed(db: Connection, request_id: int) -> bool:
    query = select(outbox.c.rev).where(outbox.c.request_id == request_id, outbox.c.sent_ms.is_(None))
    return db.execute(query.limit(1)).first() is not None


def _forget_parts(db: Connection, terms: Terms, request_id: int, files: Iterable[NamedFile]) -> None:
    roles = {file.role for file in files}
    if BlobRole.GIF in roles:
        gif = request_blob.c.request_id == request_id, request_blob.c.role == BlobRole.GIF
        db.execute(delete(request_blob).where(*gif))
    if roles - {BlobRole.GIF}:
        forget_files(db, request_id, terms.clock.now_ms(), whole=False)
