"""PORT: what stands behind `Database`: a SQLite file (`sqlite_file.py`) or a PostgreSQL server (`postgres.py`).

Every statement of the store is the same text on both. What differs is here: how connections are made, how one
learns that somebody committed, which failures are only somebody else being faster, which ones pass by themselves, and
who makes the backups.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.exc import DBAPIError

    from storage.errors import DatabaseTrouble


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseMode:
    """What the database runs on, for the start log and doctor."""

    product: str
    """"sqlite" or "postgresql"."""
    library: str
    """"sqlite3" (Python's own), "pysqlite3" or "psycopg"."""
    version: str
    """Of SQLite, or of the server."""
    journal: str
    """"wal" or "truncate"; "server" where the database keeps its own."""


class Pulse(Protocol):
    """A value that changes with every commit of anybody, cheap enough to be asked for four times a second."""

    async def beat(self) -> object:
        """The value now. Raises DatabaseTrouble."""
        ...

    async def close(self) -> None: ...


class Source(Protocol):
    @property
    def mode(self) -> DatabaseMode: ...

    def engine(self, *, writer: bool) -> Engine:
        """For transactions that write one after another, or for snapshots. Its users bring the threads."""
        ...

    def pulse(self) -> Pulse: ...

    def conflicts(self, error: DBAPIError) -> bool:
        """Whether the transaction was undone because another one was faster, so that it may simply run again."""
        ...

    def trouble(self, error: BaseException) -> DatabaseTrouble | None:
        """What to raise in place of a driver's error that passes by itself; None for any other error.

        The only place where drivers' error codes are read.
        """
        ...

    @property
    def backs_up(self) -> bool:
        """False where backups are the owner's."""
        ...

    def compact(self) -> None:
        """Write the database anew, so that nothing deleted is left in its pages. Needs its size in free room."""
        ...

    def back_up(self, target: Path) -> None:
        """A consistent copy as one file, whole or not at all. Raises DatabaseRefused where `backs_up` is False."""
        ...
