"""Which SQLite, in which mode: everything that is SQLite's own affair and no other database's.

Releases 3.7.0 to 3.51.2 can corrupt a WAL database that two connections use (the WAL-reset bug), so WAL is
switched on only where the library is fixed: Python's own, or else the one that `pysqlite3` brings. Where
neither is, a rollback journal does the same work, slower.
"""

from __future__ import annotations

import importlib
import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from storage.disks import free_bytes
from storage.errors import DatabaseBusy, DatabaseTrouble, DiskFull
from storage.source import DatabaseMode

if TYPE_CHECKING:
    from sqlalchemy import Engine

BUSY_TIMEOUT_MS = 10_000
EAGER_S = 0.05
POLL_S = 0.001
ROOM_BYTES_MIN = 65_536
"""With less than this left on its disk, an I/O error of SQLite's means that the disk is full."""
_WORDS = (("database is locked", 5), ("database table is locked", 6), ("disk I/O error", 10), ("disk is full", 13))
"""SQLite's own messages, for drivers that give no code. They are part of no translation."""


@dataclass(frozen=True, slots=True)
class SQLite:
    """A DB-API module and the journal mode it may be trusted with."""

    module: ModuleType
    journal: str

    @property
    def mode(self) -> DatabaseMode:
        return DatabaseMode(
            product="sqlite",
            library=self.module.__name__.partition(".")[0],
            version=self.module.sqlite_version,
            journal=self.journal,
        )

    def connect(self, path: Path, *, query_only: bool = False, foreign_keys: bool = True) -> sqlite3.Connection:
        """A connection as every part of Flipbook must open it: no transaction begins by itself."""
        connection: sqlite3.Connection = self.module.connect(
            str(path), timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None, check_same_thread=False
        )
        try:
            # FULL: with NORMAL a power cut may take back everything since the last checkpoint.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA foreign_keys = {int(foreign_keys)}")
            if self.journal != "wal":
                # WAL is written into the file; every other mode belongs to a connection.
                connection.execute(f"PRAGMA journal_mode = {self.journal}")
            # What is deleted is gone: freed pages are overwritten, not only forgotten.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(f"PRAGMA query_only = {int(query_only)}")
        except BaseException:
            connection.close()
            raise
        return connection

    def engine(self, path: Path, *, writer: bool) -> Engine:
        """An engine for the one writer, whose transactions take the write lock at once, or for readers."""
        from sqlalchemy import Connection, create_engine, event
        from sqlalchemy.pool import QueuePool

        engine = create_engine(
            "sqlite://",
            module=self.module,
            creator=partial(self.connect, path, query_only=not writer),
            # Its users bring as many threads as they want connections.
            poolclass=QueuePool,
            pool_size=0,
        )
        # A plain BEGIN that later writes fails at once where somebody else wrote in between.
        begin = "BEGIN IMMEDIATE" if writer else "BEGIN"

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
            # SQLite itself asks for a lock that is taken after 1, 3, 8, 18, 33 … ms, which is slower than most
            # transactions that hold it: for the first while it is asked for every millisecond.
            ends_s = time.monotonic() + EAGER_S
            while writer and time.monotonic() < ends_s:
                if self._began_at_once(connection.connection.driver_connection):
                    return
                time.sleep(POLL_S)
            connection.exec_driver_sql(begin)

        return engine

    def trouble(self, error: BaseException, path: Path) -> DatabaseTrouble | None:
        """A driver's error, bare or wrapped by SQLAlchemy, as an error that passes by itself; None for any other.

        path: of the database.
        """
        cause = getattr(error, "orig", error)
        if not isinstance(cause, self.module.Error):
            return None
        code = getattr(cause, "sqlite_errorcode", None)
        if code is None:
            code = next((code for words, code in _WORDS if words in str(cause)), 0)
        match code & 0xFF:
            case 5 | 6:  # SQLITE_BUSY, SQLITE_LOCKED
                return DatabaseBusy()
            case 13:  # SQLITE_FULL
                return DiskFull()
            case 10 if _without_room(path):  # SQLITE_IOERR: the WAL's index could not grow (seen)
                return DiskFull()
            case _:
                return None

    @contextmanager
    def classified(self, path: Path) -> Generator[None]:
        """Raise DatabaseBusy and DiskFull in place of the driver's errors, in code that uses the driver itself."""
        try:
            yield
        except self.module.Error as exc:
            trouble = self.trouble(exc, path)
            if trouble is None:
                raise
            raise trouble from exc

    def _began_at_once(self, connection: sqlite3.Connection | None) -> bool:
        """Whether the write lock was free. Other failures are left to the patient way, which tells of them."""
        assert connection is not None
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            connection.execute("BEGIN IMMEDIATE")
        except self.module.OperationalError:
            return False
        finally:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        return True


def _without_room(path: Path) -> bool:
    try:
        return free_bytes(path.parent) < ROOM_BYTES_MIN
    except OSError:
        return False


def choose_sqlite() -> SQLite:
    """Python's own SQLite if it is fixed, else pysqlite3's if that is, else Python's own without WAL."""
    if wal_is_safe(sqlite3.sqlite_version_info):
        return SQLite(sqlite3, "wal")
    with suppress(ImportError):
        module = importlib.import_module("pysqlite3.dbapi2")
        if wal_is_safe(module.sqlite_version_info):
            return SQLite(module, "wal")
    return SQLite(sqlite3, "truncate")


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this release is free of the WAL-reset bug (sqlite.org: fixed in 3.51.3, with two backports)."""
    if version < (3, 7, 0) or version >= (3, 53, 0):
        return True
    return any(version[:2] == fixed[:2] and version >= fixed for fixed in ((3, 51, 3), (3, 50, 7), (3, 44, 6)))
