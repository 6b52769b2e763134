"""Requests as people see them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, select, union

from storage.columns import INT
from storage.documents import Blobs, read_blob, read_params, read_result
from storage.jobs import Blob, Failure, JobState, Member, Place, Progress, RequestKind, Status
from storage.progress import progress_of
from storage.schema import account, identity, in_state, ledger, progress, request, request_blob, section
from storage.store import engines, pause, waiting
from storage.store.waiting import Ahead
from storage.words import BlobRole, Canceller


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Running first, then queued in order."""

    films: tuple[Status, ...]
    """The first of them."""
    count: int
    """Of all."""


def statuses(db: Connection, query: Select[Any], parameters: Mapping[str, int] | None = None) -> list[Status]:
    """Statuses of the requests that `query` (over `seen()`) selects, in its order."""
    rows = db.execute(query, parameters).all()
    ids = [row.id for row in rows]
    blobs = blobs_of(db, ids)
    nothing: Blobs = {}
    reports = progress_of(db, [row.id for row in rows if row.state == JobState.RUNNING])
    queued = [row for row in rows if row.state == JobState.QUEUED]
    down = engines.state(db) if queued else None
    ahead = waiting.ahead(db, queued, paused=pause.standing(db) if queued else None, down=down)
    return [_status(row, blobs.get(row.id, nothing), reports.get(row.id), ahead.get(row.id)) for row in rows]


def status(db: Connection, request_id: int) -> Status | None:
    found = statuses(db, _seen_one(), {"this": request_id})
    return found[0] if found else None


@cache
def _seen_one() -> Select[Any]:
    return seen().where(request.c.id == bindparam("this", type_=INT))


def history(db: Connection, person_id: int, *, limit: int, before_id: int | None) -> list[Status]:
    query = seen().where(identity.c.person_id == person_id)
    if before_id is not None:
        query = query.where(request.c.id < before_id)
    return statuses(db, query.order_by(request.c.id.desc()).limit(limit))


def line(db: Connection, *, limit: int) -> list[Status]:
    """Running first, then queued in order."""
    return _line(db, limit)


def line_of(db: Connection, place: Place, *, limit: int) -> Line:
    """Of one community."""
    here = account.c.platform == place.platform, account.c.community_id == place.community_id
    count = db.execute(select(func.coalesce(func.sum(account.c.queued + account.c.running), 0)).where(*here))
    return Line(films=tuple(_line(db, limit, *here)), count=int(count.scalar_one()))


def _line(db: Connection, limit: int, *where: ColumnElement[bool]) -> list[Status]:
    drawn = seen().where(in_state(JobState.RUNNING), *where)
    running = statuses(db, drawn.order_by(request.c.started_ms).limit(limit))
    turn = (request.c.sfq_start, request.c.id)
    queued = seen().where(in_state(JobState.QUEUED), *where).order_by(*turn).limit(limit - len(running))
    return running + statuses(db, queued)


@cache
def seen() -> Select[Any]:
    """Everything of a request that fits in one row."""
    done = select(func.count()).where(section.c.request_id == request.c.id).scalar_subquery()
    charged = (
        select(func.coalesce(func.sum(ledger.c.ms), 0)).where(ledger.c.request_id == request.c.id).scalar_subquery()
    )
    parent, of_parent = request.alias(), identity.alias()
    return select(
        request,
        identity.c.platform.label("member_platform"),
        identity.c.platform_user_id,
        identity.c.name,
        identity.c.locale,
        account.c.platform,
        account.c.community_id,
        of_parent.c.platform.label("parent_platform"),
        of_parent.c.platform_user_id.label("parent_user_id"),
        of_parent.c.name.label("parent_name"),
        of_parent.c.locale.label("parent_locale"),
        done.label("sections_done"),
        charged.label("charged_ms"),
    ).select_from(
        request.join(identity, identity.c.id == request.c.identity_id)
        .join(account)
        .outerjoin(parent, parent.c.id == request.c.parent_id)
        .outerjoin(of_parent, of_parent.c.id == parent.c.identity_id)
    )


def blobs_of(db: Connection, request_ids: Sequence[int]) -> dict[int, Blobs]:
    """Files of requests by role."""
    found: defaultdict[int, dict[BlobRole, Blob]] = defaultdict(dict)
    for row in db.execute(_named_by(), {"these": request_ids}) if request_ids else ():
        found[row.request_id][BlobRole(row.role)] = read_blob(row)
    return dict(found)


@cache
def _named_by() -> Select[Any]:
    return select(request_blob).where(request_blob.c.request_id.in_(bindparam("these", expanding=True)))


def blobs_named(db: Connection) -> set[str]:
    """SHA-256 of every file that some row names."""
    named = union(select(request_blob.c.sha256), select(section.c.sha256), select(progress.c.preview_sha256))
    return {sha256 for sha256 in db.execute(named).scalars() if sha256 is not None}


def purged_count(db: Connection) -> int:
    """Requests of which nothing is kept any more."""
    # As the index says it.
    return db.execute(select(func.count()).select_from(request).where(request.c.purged_ms.is_not(None))).scalar_one()


def largest_result_bytes(db: Connection) -> int:
    """All files of the largest film that is kept."""
    made = request_blob.c.role.in_((BlobRole.FILM, BlobRole.GIF, BlobRole.POSTER))
    sums = select(func.sum(request_blob.c.byte_count).label("bytes")).where(made).group_by(request_blob.c.request_id)
    return int(db.execute(select(func.coalesce(func.max(sums.subquery().c.bytes), 0))).scalar_one())


def _status(row: Row[Any], blobs: Blobs, report: Progress | None, ahead: Ahead | None) -> Status:
    state = JobState(row.state)
    return Status(
        request_id=row.id,
        state=state,
        rev=row.rev,
        member=Member(platform=row.member_platform, user_id=row.platform_user_id, name=row.name, locale=row.locale),
        place=Place(platform=row.platform, community_id=row.community_id, chat_id=row.chat_id),
        kind=RequestKind(row.kind),
        parent_id=row.parent_id,
        params=read_params(row.params, blobs),
        created_ms=row.created_ms,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        position=ahead.position if ahead else None,
        wait_ms=ahead.wait_ms if ahead else None,
        paused=ahead is not None and ahead.paused,
        pause_ends=ahead is not None and ahead.pause_ends,
        down_ms=ahead.down_ms if ahead else None,
        interrupted=state is JobState.QUEUED and row.epoch > 0,
        sections_done=row.sections_done,
        progress=report,
        result=None if row.result is None else read_result(row.result, blobs),
        failure=None if row.error_code is None else Failure(code=row.error_code, sentence=row.error_sentence),
        charged_ms=int(row.charged_ms),
        purged=row.purged_ms is not None,
        film_lost=row.lost_ms is not None,
        origin=row.origin,
        spoiler=bool(row.spoiler),
        parent_member=_parent_member(row),
        hidden=row.hidden_ms is not None,
        unreached=row.unreached_ms is not None,
        cancelled_by_other=row.cancel_by not in (None, Canceller.MEMBER),
    )


def _parent_member(row: Row[Any]) -> Member | None:
    # Nobody's name is left where a person was erased, and nobody is to be credited.
    if not row.parent_name:
        return None
    return Member(
        platform=row.parent_platform, user_id=row.parent_user_id, name=row.parent_name, locale=row.parent_locale
    )
