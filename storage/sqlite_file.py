"""One SQLite file as a `Source`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import aiosqlite
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from storage.errors import DatabaseTrouble
from storage.gate import back_up, compact
from storage.source import DatabaseMode, Pulse
from storage.sqlite import SQLite


@dataclass(frozen=True, slots=True)
class SQLiteFile:
    path: Path
    sqlite: SQLite

    @property
    def mode(self) -> DatabaseMode:
        return self.sqlite.mode

    def engine(self, *, writer: bool) -> Engine:
        return self.sqlite.engine(self.path, writer=writer)

    def pulse(self) -> Pulse:
        return _DataVersion(self)

    def conflicts(self, error: DBAPIError) -> bool:
        """Never: writes take turns from their first moment, and a reader's moment is its own."""
        return False

    def trouble(self, error: BaseException) -> DatabaseTrouble | None:
        return self.sqlite.trouble(error, self.path)

    @property
    def backs_up(self) -> bool:
        return True

    def compact(self) -> None:
        compact(self.sqlite, self.path)

    def back_up(self, target: Path) -> None:
        back_up(self.sqlite, self.path, target)


class _DataVersion:
    """`PRAGMA data_version`: a poll costs microseconds; a socket would cost a protocol."""

    def __init__(self, file: SQLiteFile) -> None:
        self._file = file
        self._connection: aiosqlite.Connection | None = None

    async def beat(self) -> object:
        file = self._file
        with file.sqlite.classified(file.path):
            if self._connection is None:
                # In a thread of its own: with a rollback journal a commit elsewhere makes the reader wait a while.
                self._connection = await aiosqlite.Connection(
                    lambda: file.sqlite.connect(file.path, query_only=True), iter_chunk_size=1
                )
            ((version,),) = await self._connection.execute_fetchall("PRAGMA data_version")
        return version

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
