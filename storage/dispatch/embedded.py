"""Dispatch without a second system: the request table is the queue, and commits are noticed by polling."""

from __future__ import annotations

from sqlalchemy import Connection, ScalarSelect, select

from storage.database import Database
from storage.jobs import JobState
from storage.schema import in_state, request


class EmbeddedDispatch:
    """`next` reads one entry of the index over queued requests, however long the queue is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def queued(self, db: Connection, request_id: int, *, start: int) -> None:
        """Nothing to do: the row's own state queues it."""

    def left(self, db: Connection, request_id: int) -> None:
        """Nothing to do either."""

    async def next(self) -> ScalarSelect[int]:
        return next_in_turn()

    async def changed(self, *, timeout_s: float) -> bool:
        return await self._database.changed(timeout_s=timeout_s)


def next_in_turn() -> ScalarSelect[int]:
    return (
        select(request.c.id)
        .where(in_state(JobState.QUEUED))
        .order_by(request.c.sfq_start, request.c.id)
        .limit(1)
        # Where several writers exist (PostgreSQL), two claimers pass each other; SQLite has one writer at a time.
        # key_share: a message that is being recorded does not hide its request from the claim.
        .with_for_update(skip_locked=True, key_share=True)
        .scalar_subquery()
    )
