"""Whether the host's engine can draw: part of the queue's one row, so that every message and every process sees it."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update

from storage.jobs import Down
from storage.schema import queue


def down(db: Connection, now_ms: int, reason: str) -> None:
    """No engine runs, and starting one failed. Again: the first moment counts, and the newest reason."""
    db.execute(update(queue).values(down_ms=func.coalesce(queue.c.down_ms, now_ms), down_reason=reason))


def up(db: Connection) -> None:
    """An engine is ready to draw, or draws."""
    db.execute(update(queue).where(queue.c.down_ms.is_not(None)).values(down_ms=None, down_reason=None))


def state(db: Connection) -> Down | None:
    """None while an engine can draw, as far as anybody knows."""
    row = db.execute(select(queue.c.down_ms, queue.c.down_reason)).one()
    return None if row.down_ms is None else Down(since_ms=row.down_ms, reason=row.down_reason or "")
