"""The database: opened safely or not at all, one writer for each process, separate readers, watched for commits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from storage.errors import DatabaseAway
from storage.failpoints import reach
from storage.gate import prepare
from storage.outage import Outage, insist
from storage.source import DatabaseMode, Source
from storage.sqlite import choose_sqlite
from storage.sqlite_file import SQLiteFile
from storage.watch import Watch

FILE_NAME = "flipbook.db"
BACKUP_FOLDER = "backups"
READERS_MAX = 4
COLLISIONS_MAX = 20
"""Of one transaction with others, before its error is told. Each time another one has come through."""

T = TypeVar("T")


class Database:
    """Transactions on one database. Several processes may have it open; the writes of each take turns.

    A transaction is a plain function, run from begin to commit in one visit to a thread: a visit for each
    statement costs more than the statements (measured: 25 visits of 0.5 ms for one request). Cancelling the task
    that waits for it does not cut it short: it is committed or rolled back all the same, and never left open.
    Whoever is cancelled cannot know which, as after a power cut; so every write of the store may be asked for again.
    The function itself may run again too, where PostgreSQL undid it because another transaction was faster.

    Every method raises DatabaseTrouble (DatabaseBusy, DatabaseAway, DiskFull) where the database cannot be used at
    the moment, whichever database it is. Nothing was committed then, or, where a server went away in the middle of a
    commit, nobody knows; asking again is right in both cases.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        # One writer, also where the server could serve several: a transaction that a cancelled task left behind
        # has ended before the next one of this process begins.
        self._writer = _Lane(source, 1, "flipbook-writer")
        self._readers = _Lane(source, READERS_MAX, "flipbook-reader")
        self._watch = Watch(source.pulse())
        self.outage = Outage()

    @classmethod
    async def open(cls, folder: Path, address: str | None = None) -> Database:
        """The database of a data folder, or the one at a PostgreSQL address; created or migrated where needed.

        Raises DatabaseRefused where it is damaged, newer than this program, not writable or on a network disk;
        DatabaseTrouble where trying again later may help.
        """
        if address is not None:
            # Imported here: its driver is an extra that nobody else needs.
            from storage.postgres import Postgres

            return cls(await asyncio.to_thread(Postgres.open, address))
        sqlite = choose_sqlite()
        path = folder / FILE_NAME
        await asyncio.to_thread(prepare, path, sqlite, folder / BACKUP_FOLDER)
        return cls(SQLiteFile(path, sqlite))

    @property
    def mode(self) -> DatabaseMode:
        return self._source.mode

    @property
    def backs_up(self) -> bool:
        return self._source.backs_up

    async def write(self, transaction: Callable[[Connection], T]) -> T:
        """Run it under the write lock, from its first moment to the commit; an exception rolls it back."""
        self._watch.looking()
        try:
            return await self._heard(self._writer.run(transaction))
        finally:
            self._watch.nudge()

    async def insist(self, transaction: Callable[[Connection], T]) -> T:
        """`write`, again and again while the database cannot be used: for what has happened already."""
        return await insist(lambda: self.write(transaction))

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run it on a snapshot: all that it reads is of the same moment."""
        self._watch.looking()
        return await self._heard(self._readers.run(query))

    async def changed(self, *, timeout_s: float) -> bool:
        """True as soon as anybody committed since the caller last read, wrote or asked; False at the timeout.

        It may be True without cause, now and then: look again, then wait again.
        """
        return await self._heard(self._watch.changed(timeout_s=timeout_s))

    async def backup(self, target: Path) -> None:
        """A consistent copy while the database is in use. `target` appears whole or not at all.

        Raises DatabaseRefused where `backs_up` is False: a server's backups are its owner's.
        """
        await asyncio.to_thread(self._source.back_up, target)

    async def compact(self) -> None:
        """Write it anew, so that nothing deleted is left in it; others may go on using it meanwhile.

        Needs its size in free room once more.
        """
        await asyncio.to_thread(self._source.compact)

    async def close(self) -> None:
        """Wait for the transactions under way, then let the file go."""
        await self._watch.close()
        await self._readers.close()
        await self._writer.close()

    async def _heard(self, call: Awaitable[T]) -> T:
        try:
            result = await call
        except DatabaseAway as exc:
            self.outage.met(exc.__cause__)
            raise
        self.outage.over()
        return result

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class _Lane:
    """An engine with as many threads as it has connections."""

    def __init__(self, source: Source, width: int, name: str) -> None:
        self._source = source
        self._engine = source.engine(writer=width == 1)
        self._reach = reach if width == 1 else _pass_by
        self._threads = ThreadPoolExecutor(width, thread_name_prefix=name)

    async def run(self, call: Callable[[Connection], T]) -> T:
        def transaction() -> T:
            for left in reversed(range(COLLISIONS_MAX + 1)):
                try:
                    return once()
                except Exception as error:
                    if left and isinstance(error, DBAPIError) and self._source.conflicts(error):
                        continue
                    if (trouble := self._source.trouble(error)) is not None:
                        raise trouble from error
                    raise
            raise AssertionError("the last try ends with a result or an error")

        def once() -> T:
            self._reach("store.write")
            with self._engine.begin() as connection:
                result = call(connection)
                self._reach("store.commit.before")
            self._reach("store.commit.after")
            return result

        return await asyncio.get_running_loop().run_in_executor(self._threads, transaction)

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()


def _pass_by(_name: str) -> None:
    """Reading is no moment that a crash could spoil."""
