"""Where a test's database is: what a process of its own must be told to open the same one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from storage.database import FILE_NAME, Database
from storagekit import postgres
from storagekit.clock import ManualClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    folder: Path
    address: str | None = None
    """Of a PostgreSQL database; None where a file in the folder is meant."""

    async def open(self) -> Database:
        return await Database.open(self.folder, self.address)

    def arguments(self) -> tuple[str, str]:
        """For a command line."""
        return str(self.folder), self.address or ""

    @classmethod
    def of(cls, folder: str, address: str) -> Home:
        return cls(folder=Path(folder), address=address or None)


def homes(kind: str, request: pytest.FixtureRequest) -> Callable[[], AbstractContextManager[tuple[Home, ManualClock]]]:
    """New databases for a test that wants many of them, each with its clock."""
    if kind == "sqlite":
        return partial(_in_a_file, request.getfixturevalue("blank"))
    return partial(_on_a_server, request.getfixturevalue("server"))


@contextmanager
def _in_a_file(blank: Path) -> Generator[tuple[Home, ManualClock]]:
    # Power cuts are not asked for here: memory will do where there is such a folder.
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        shutil.copy(blank, Path(folder) / FILE_NAME)
        yield Home(folder=Path(folder)), ManualClock()


@contextmanager
def _on_a_server(server: postgres.Server) -> Generator[tuple[Home, ManualClock]]:
    with server.copy() as address, closing(postgres.connect(address)) as connection:
        yield Home(folder=Path(), address=address), postgres.ServerClock(connection)
