"""The owner's pause: while it holds nothing is claimed, what runs is given back, and nobody's waiting time goes on.

It is part of the queue's one row, so that the statement that claims can ask for it itself, and it outlives every
process. What it promises to members, that their place is kept, is kept by the queue's own clock: it stands still
while the owner has the card, and `queue.wait_hours_max` is counted on it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, exists, select, update

from storage.jobs import Pause
from storage.schema import queue


def pause(db: Connection, now_ms: int, *, for_ms: int | None) -> Pause:
    """Begin a pause, or give the one that holds another end. for_ms: from now on; None until somebody resumes."""
    row = _locked(db)
    found = _holding(row, now_ms)
    since_ms = now_ms if found is None else found.since_ms
    until_ms = None if for_ms is None else now_ms + for_ms
    values: dict[str, Any] = {"paused_ms": since_ms, "paused_until_ms": until_ms}
    if found is None:
        values["stood_ms"] = _stood_ms(row, now_ms)
    db.execute(update(queue).values(values))
    return Pause(since_ms=since_ms, until_ms=until_ms)


def resume(db: Connection, now_ms: int) -> bool:
    """End the pause; False where none holds (any more)."""
    row = _locked(db)
    held = _holding(row, now_ms) is not None
    if row.paused_ms is not None:
        _forget(db, row, now_ms)
    return held


def end_in_time(db: Connection, now_ms: int) -> bool:
    """Upkeep: forget a pause whose time is over, which wakes everybody who waits for a commit.

    False where it goes on. One that begins in the future was asked for before the wall clock was set back: it begins
    now, so that it lasts no longer than the owner said.
    """
    row = _locked(db)
    if _begins_later(row, now_ms):
        until_ms = now_ms + row.paused_until_ms - row.paused_ms
        db.execute(update(queue).values(paused_ms=now_ms, paused_until_ms=until_ms))
        return False
    over = row.paused_ms is not None and _holding(row, now_ms) is None
    if over:
        _forget(db, row, now_ms)
    return over


def is_over(db: Connection, now_ms: int) -> bool:
    """Whether `end_in_time` has something to do."""
    row = db.execute(_row()).one()
    return _begins_later(row, now_ms) or (row.paused_ms is not None and _holding(row, now_ms) is None)


def _begins_later(row: Row[Any], now_ms: int) -> bool:
    return row.paused_until_ms is not None and row.paused_ms > now_ms


def holding(db: Connection, now_ms: int) -> Pause | None:
    """The pause that holds now."""
    return _holding(db.execute(_row()).one(), now_ms)


def standing(db: Connection) -> Pause | None:
    """The pause that nobody has ended, as far as that is known without a clock: upkeep ends it in time."""
    row = db.execute(_row()).one()
    return None if row.paused_ms is None else Pause(since_ms=row.paused_ms, until_ms=row.paused_until_ms)


def none_holds(now_ms: int) -> ColumnElement[bool]:
    """The same as a condition of another statement, which then cannot be overtaken by a pause."""
    until_ms = queue.c.paused_until_ms
    return ~exists().where(queue.c.paused_ms.is_not(None), until_ms.is_(None) | (until_ms > now_ms))


def waiting_clock_ms(db: Connection, now_ms: int) -> int:
    """Now, on the clock that requests wait on: it stands still while a pause holds."""
    return on_waiting_clock(db.execute(_row()).one(), now_ms)


def on_waiting_clock(row: Row[Any], now_ms: int) -> int:
    """The same, for whoever has the queue's row already."""
    return now_ms - _stood_ms(row, now_ms)


def _holding(row: Row[Any], now_ms: int) -> Pause | None:
    if row.paused_ms is None or (row.paused_until_ms is not None and row.paused_until_ms <= now_ms):
        return None
    return Pause(since_ms=row.paused_ms, until_ms=row.paused_until_ms)


def _stood_ms(row: Row[Any], now_ms: int) -> int:
    """How long pauses have lasted, all together."""
    if row.paused_ms is None:
        return row.stood_ms
    end_ms = now_ms if row.paused_until_ms is None else min(now_ms, row.paused_until_ms)
    # A wall clock that is set back must not make anybody wait longer than they did.
    return row.stood_ms + max(0, end_ms - row.paused_ms)


def _forget(db: Connection, row: Row[Any], now_ms: int) -> None:
    db.execute(update(queue).values(paused_ms=None, paused_until_ms=None, stood_ms=_stood_ms(row, now_ms)))


def _locked(db: Connection) -> Row[Any]:
    return db.execute(_row().with_for_update()).one()


@cache
def _row() -> Select[Any]:
    return select(queue)
