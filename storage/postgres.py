"""PostgreSQL: everything that is its own affair. For more than one machine; one machine is better off with SQLite.

Rows are locked one by one and two claimers pass each other (`FOR UPDATE SKIP LOCKED`). Where two transactions
collide all the same, the loser is run again: the same update delivered twice at once, a deadlock, a lost connection.
A server that is away, busy or without room is told apart here, by SQLSTATE.
Backups are the owner's: `pg_dump`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool

from storage.errors import DatabaseAway, DatabaseBusy, DatabaseRefused, DatabaseTrouble, DiskFull
from storage.migrate import head, revision, upgrade
from storage.settings import DATABASE_PASSWORD_VARIABLE
from storage.source import DatabaseMode, Pulse

OLDEST = 13
"""`pg_current_snapshot` is of that release."""
CONFLICTS = {
    "23505",  # unique_violation: a parallel delivery of the same update has committed first
    "40001",  # serialization_failure
    "40P01",  # deadlock_detected
}
FULL = frozenset({"53100"})  # disk_full
BUSY = frozenset(
    {
        "55P03",  # lock_not_available: lock_timeout
        "57014",  # query_canceled: a statement_timeout of the server, or an administrator
        "40001",  # serialization_failure, more often than a transaction is run again
        "40P01",  # deadlock_detected, likewise
        "53200",  # out_of_memory
        "53300",  # too_many_connections
    }
)
AWAY = ("08", "57P")
"""How codes of lost connections and of servers that start, stop or restart after a crash begin."""
CONNECT_TIMEOUT_S = 5
REACH = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    # A server whose machine or network died says nothing: without these a write would wait for a quarter of an hour.
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""libpq's parameters; an address that names one itself is left its own. Windows has no tcp_user_timeout: no error."""
ON_CONNECT = (
    # Accepted means committed and committed means on the disk, whatever the server's default.
    "SET synchronous_commit = on",
    "SET lock_timeout = '10s'",
    # A process that was stopped in the middle of a transaction must not hold its rows for ever.
    "SET idle_in_transaction_session_timeout = '10s'",
)
MIGRATION_LOCK = 0x666C6970
"""Advisory: two programs may find an empty database at the same moment."""


class Postgres:
    """One database of a server."""

    def __init__(self, url: URL, *, version: str = "") -> None:
        self._url = url
        self._version = version

    @classmethod
    def open(cls, address: str, environment: Mapping[str, str] = os.environ) -> Postgres:
        """The database at `postgresql://user@host:port/name`, created or migrated where needed. Blocks.

        Raises DatabaseAway where it cannot be reached, other DatabaseTrouble where it cannot be used yet;
        DatabaseRefused where it is of a newer program or of another one.
        """
        url = _url(address, environment)
        engine = cls(url).engine(writer=True)
        try:
            with engine.begin() as db:
                return cls(url, version=_prepare(db, url))
        except DBAPIError as exc:
            reason = str(exc.orig).strip().splitlines()
            kind = type(_trouble(exc) or DatabaseRefused())
            raise kind(f"The database {url} cannot be used: {reason[0] if reason else exc}.") from exc
        finally:
            engine.dispose()

    @property
    def mode(self) -> DatabaseMode:
        return DatabaseMode(product="postgresql", library="psycopg", version=self._version, journal="server")

    def engine(self, *, writer: bool) -> Engine:
        # A writer sees what others committed while it waited for their rows; a reader sees one moment.
        options: dict[str, Any] = {"isolation_level": "READ COMMITTED"}
        if not writer:
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        return self._engine(options)

    def pulse(self) -> Pulse:
        return _Snapshots(self._engine({"isolation_level": "AUTOCOMMIT"}))

    def conflicts(self, error: DBAPIError) -> bool:
        return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in CONFLICTS

    def trouble(self, error: BaseException) -> DatabaseTrouble | None:
        return _trouble(error)

    @property
    def backs_up(self) -> bool:
        return False

    def compact(self) -> None:
        """FULL: a plain VACUUM leaves what was deleted in the pages until something new is written there."""
        engine = self._engine({"isolation_level": "AUTOCOMMIT"})
        try:
            with _classified(), engine.connect() as connection:
                connection.exec_driver_sql("VACUUM FULL")
        finally:
            engine.dispose()

    def back_up(self, target: Path) -> None:
        raise DatabaseRefused(
            f"The database {self._url} is backed up by its owner, with pg_dump: {target} is not made."
        )

    def _engine(self, options: dict[str, Any]) -> Engine:
        # pool_pre_ping: a server that was restarted costs a new connection, not a failed request.
        engine = create_engine(
            self._url,
            poolclass=QueuePool,
            pool_size=0,
            pool_pre_ping=True,
            execution_options=options,
            connect_args={name: value for name, value in REACH.items() if name not in self._url.query},
        )
        event.listen(engine, "connect", _set_up)
        return engine


class _Snapshots:
    """`pg_current_snapshot`, polled: it moves when a transaction that wrote has ended. NOTIFY would take a lock
    that all commits of the server share, and tells nobody whose connection was away for a moment."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="flipbook-pulse")

    async def beat(self) -> object:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask)

    def _ask(self) -> object:
        with _classified(), self._engine.connect() as db:
            return db.exec_driver_sql("SELECT pg_current_snapshot()::text").scalar_one()

    async def close(self) -> None:
        await asyncio.to_thread(self._thread.shutdown)
        self._engine.dispose()


def _trouble(error: BaseException) -> DatabaseTrouble | None:
    """A driver's error, bare or wrapped by SQLAlchemy, as an error that passes by itself; None for any other."""
    import psycopg

    cause = getattr(error, "orig", error)
    if not isinstance(cause, psycopg.Error):
        return None
    state = cause.sqlstate
    if state is None:
        # Nothing came from a server: no connection could be made, or it broke.
        return DatabaseAway() if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError) else None
    if state in FULL:
        return DiskFull()
    if state in BUSY:
        return DatabaseBusy()
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return DatabaseAway() if lost or state.startswith(AWAY) else None


@contextmanager
def _classified() -> Generator[None]:
    """Raise DatabaseTrouble in place of the driver's errors."""
    try:
        yield
    except Exception as exc:
        trouble = _trouble(exc)
        if trouble is None:
            raise
        raise trouble from exc


def _url(address: str, environment: Mapping[str, str]) -> URL:
    try:
        url = make_url(address)
    except ArgumentError as exc:
        raise DatabaseRefused(
            "data.database is not an address such as postgresql://flipbook@localhost/flipbook."
        ) from exc
    if find_spec("psycopg") is None:
        raise DatabaseRefused(
            'data.database names PostgreSQL, whose driver is not installed: python -m pip install "psycopg[binary]".'
        )
    # Without one here, libpq looks for PGPASSWORD and ~/.pgpass as it does for every program.
    if url.password is None and (password := environment.get(DATABASE_PASSWORD_VARIABLE)):
        url = url.set(password=password)
    return url.set(drivername="postgresql+psycopg")


def _set_up(connection: Any, _record: object) -> None:
    for statement in ON_CONNECT:
        connection.execute(statement)
    connection.commit()


def _prepare(db: Connection, url: URL) -> str:
    """Leave the newest schema there; the server's version."""
    db.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
    ask = "SELECT current_setting('server_version'), current_setting('server_version_num'), current_setting(%s)"
    version, number, encoding = db.exec_driver_sql(ask, ("server_encoding",)).one()
    if int(number) < OLDEST * 10_000 or encoding != "UTF8":
        raise DatabaseRefused(
            f"The database {url} is of PostgreSQL {version} with encoding {encoding}: "
            f"Flipbook needs PostgreSQL {OLDEST} or newer and UTF8."
        )
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    found = set(db.exec_driver_sql(tables).scalars())
    name = None
    if {"alembic_version", "request"} <= found:
        name = db.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    if found and name is None:
        raise DatabaseRefused(f"{url} is not a Flipbook database: name an empty one in data.database.")
    if name is not None and not revision(str(name)).known:
        raise DatabaseRefused(
            f"The database {url} was written by a newer Flipbook (schema {name}; this one knows {head()}): "
            "update Flipbook, or restore a dump made by this version."
        )
    if name != head():
        upgrade(db)
    return str(version).split()[0]
