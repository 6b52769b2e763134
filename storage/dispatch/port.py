"""PORT: how queued requests reach workers, and how anybody learns that something changed.

At-least-once, and never trusted: the store's claim matches only a request that is still queued, and its epoch
judges every write. A dispatch that hands out a request twice, or one that is long done, does no harm.
"""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Connection, ScalarSelect


class Dispatch(Protocol):
    def queued(self, db: Connection, request_id: int, *, start: int) -> None:
        """A request waits (again) with this start tag. Called in the transaction that queues it."""
        ...

    def left(self, db: Connection, request_id: int) -> None:
        """It waits no longer and was not claimed: cancelled or expired. Called in that transaction."""
        ...

    async def next(self, *, running_max: int) -> int | ScalarSelect[int] | None:
        """The request to claim now, by id or as SQL that yields it; None where none waits.

        Those of members who have `running_max` under way are passed over, and offered again once one has ended.
        """
        ...

    async def changed(self, *, timeout_s: float) -> bool:
        """True as soon as anything may have changed since the caller last looked; False at the timeout."""
        ...
