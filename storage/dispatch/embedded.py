"""Dispatch without a second system: the request table is the queue, and commits are noticed by polling."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Connection, ScalarSelect

from storage.database import Database
from storage.dispatch.turn import may_begin
from storage.schema import request


class EmbeddedDispatch:
    """`next` reads the first entry of the index over queued requests, however long the queue is.

    Before it, those of members who have as many films under way as they may: no more members than engines, with no
    more requests each than a member may have waiting.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def queued(self, db: Connection, request_id: int, *, start: int) -> None:
        """Nothing to do: the row's own state queues it."""

    def left(self, db: Connection, request_id: int) -> None:
        """Nothing to do either."""

    async def next(self, *, running_max: int) -> ScalarSelect[int]:
        return next_in_turn(running_max)

    async def changed(self, *, timeout_s: float) -> bool:
        return await self._database.changed(timeout_s=timeout_s)


# Made once: building a statement costs as much as running it.
@cache
def next_in_turn(running_max: int) -> ScalarSelect[int]:
    return may_begin(running_max).order_by(request.c.sfq_start, request.c.id).limit(1).scalar_subquery()
