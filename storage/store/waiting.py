"""What a queued request waits for: how many are before it, and about how long they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select, tuple_

from storage.columns import INT
from storage.jobs import Down, JobState, Pause
from storage.schema import attempt, in_state, pace, request, section

COUNTED_MAX = 2_000
"""Positions are exact up to here; counting further would cost time that grows with the queue."""


@dataclass(frozen=True, slots=True)
class Ahead:
    position: int
    wait_ms: int | None
    paused: bool
    pause_ends: bool
    """By itself, at a time that its owner has set."""
    down_ms: int | None


def ahead(db: Connection, rows: Sequence[Row[Any]], *, paused: Pause | None, down: Down | None) -> dict[int, Ahead]:
    """Of queued requests."""
    if not rows:
        return {}
    # Nobody knows when the owner is done playing or mending, and a wait that stands still is no wait to promise.
    known = paused is None and down is None and measured(db)
    down_ms = None if down is None else down.since_ms
    ends = paused is not None and paused.until_ms is not None
    work = at_work(db)
    found: dict[int, Ahead] = {}
    for row in rows:
        earlier = db.execute(_earlier(), {"start": row.sfq_start, "before_id": row.id}).one()
        wait_ms = work.wait_ms(int(earlier.est_ms)) if known else None
        found[row.id] = Ahead(earlier.number + 1, wait_ms, paused is not None, ends, down_ms)
    return found


def measured(db: Connection) -> bool:
    """Whether a section was ever drawn here: before, lengths of time are mere guesses."""
    return db.execute(select(pace.c.samples).limit(1)).first() is not None


@dataclass(frozen=True, slots=True)
class AtWork:
    left_ms: int
    """GPU time that running requests still need."""
    engines: int
    """That draw one; at least 1."""

    def wait_ms(self, before_ms: int) -> int:
        """Until somebody's turn before whom films of so much GPU time wait."""
        return (self.left_ms + before_ms) // self.engines


def at_work(db: Connection) -> AtWork:
    rows = db.execute(_running()).all()
    left_ms = sum(max(0, row.est_ms - int(row.spent_ms)) for row in rows)
    return AtWork(left_ms, max(1, len({row.worker for row in rows})))


def before_ms(db: Connection, start: int) -> int | None:
    """Estimated GPU time of what waits before a new request with this start tag; None where that is too much to add."""
    # Of those with the same tag, the new one is the last.
    earlier = db.execute(_earlier(), {"start": start + 1, "before_id": 0}).one()
    return None if earlier.number == COUNTED_MAX else int(earlier.est_ms)


@cache
def _earlier() -> Select[Any, Any]:
    """Count and estimated GPU time of the queued requests before one, which is given by `start` and `before_id`."""
    turn = request.c.sfq_start, request.c.id
    this = bindparam("start", type_=INT), bindparam("before_id", type_=INT)
    some = (
        select(request.c.est_ms)
        .where(in_state(JobState.QUEUED), tuple_(*turn) < tuple_(*this))
        .order_by(*turn)
        .limit(COUNTED_MAX)
        .subquery()
    )
    est_ms = func.coalesce(func.sum(some.c.est_ms), 0)
    return select(func.count().label("number"), est_ms.label("est_ms")).select_from(some)


@cache
def _running() -> Select[Any, Any, Any]:
    spent = (
        select(func.coalesce(func.sum(section.c.gpu_ms), 0))
        .where(section.c.request_id == request.c.id)
        .scalar_subquery()
    )
    open_attempt = (attempt.c.request_id == request.c.id) & attempt.c.ended_ms.is_(None)
    return (
        select(request.c.est_ms, spent.label("spent_ms"), attempt.c.worker)
        .join_from(request, attempt, open_attempt)
        .where(in_state(JobState.RUNNING))
    )
