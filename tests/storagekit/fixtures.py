"""Databases of both kinds for any test: what asks for `home` runs twice, on SQLite and on PostgreSQL.

A module of one database alone overrides `kind`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest

from storage.database import FILE_NAME, Database
from storagekit import postgres
from storagekit.homes import Home


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def home(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Generator[Home]:
    """A new database of the test's own, which may be opened as often as it likes."""
    if kind == "sqlite":
        shutil.copy(request.getfixturevalue("blank"), tmp_path)
        yield Home(folder=tmp_path)
    else:
        server: postgres.Server = request.getfixturevalue("server")
        with server.copy() as address:
            yield Home(folder=tmp_path, address=address)


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new database, made once: the migrations have tests of their own."""
    folder = tmp_path_factory.mktemp("blank")

    async def make() -> None:
        await (await Database.open(folder)).close()

    asyncio.run(make())
    return folder / FILE_NAME


@pytest.fixture(scope="session")
def server() -> Generator[postgres.Server]:
    """One PostgreSQL for all tests, with a template of a new database."""
    bin_folder = postgres.programs()
    if bin_folder is None:
        reason = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
        if os.environ.get(postgres.REQUIRED):
            pytest.fail(f"{postgres.REQUIRED} is set, and {reason}")
        pytest.skip(f"NOT TESTED ON POSTGRESQL: {reason}")
    with postgres.running(bin_folder) as server:
        template = server.address(postgres.TEMPLATE)

        async def make() -> None:
            await (await Database.open(Path(), template)).close()

        asyncio.run(make())
        with closing(postgres.connect(template)) as connection:
            connection.execute(postgres.CLOCK)
        yield server
