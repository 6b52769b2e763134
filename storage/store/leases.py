"""Leases: the right to a running request, counted on a clock that no change of the wall clock moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, literal_column, or_

from storage.clock import Clock
from storage.columns import INT
from storage.schema import request

ACROSS_HOSTS = "database"
"""Stands for the boot where workers of several machines share one clock."""
DATABASE_MS: ColumnElement[int] = literal_column("CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)", INT)
"""PostgreSQL's own clock, in milliseconds."""


@dataclass(frozen=True, slots=True)
class LeaseTime:
    """A moment on the lease clock. Leases of another boot are void, whatever they say.

    On a SQLite file, whose users are processes of one machine, it is that machine's boot clock. Machines that share
    a PostgreSQL server cannot compare their boots, so there it is the server's clock, the only one they have in common.
    """

    boot: str
    ms: int | ColumnElement[int]

    @classmethod
    def now(cls, db: Connection, clock: Clock) -> LeaseTime:
        if db.dialect.name == "postgresql":
            return cls(ACROSS_HOSTS, DATABASE_MS)
        return cls(clock.boot_id(), clock.lease_ms())

    def until(self, lease_s: float) -> dict[str, Any]:
        """Columns of a lease granted at this moment."""
        return {"lease_boot": self.boot, "lease_until_ms": self.ms + round(lease_s * 1000)}

    def void(self, lease_s: float) -> ColumnElement[bool]:
        """Condition on running requests whose worker is gone.

        A lease that ends later than any granted now could is of another boot as well: this holds
        even where the system names its boots badly.
        """
        return or_(
            request.c.lease_boot != self.boot,
            request.c.lease_until_ms <= self.ms,
            request.c.lease_until_ms > self.ms + round(lease_s * 1000),
        )
