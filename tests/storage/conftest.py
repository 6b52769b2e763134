"""A store on a real database. After every test that used it, no promise may be broken.

Every test that asks for `store` or `database` runs twice, on SQLite and on PostgreSQL: together they are what the
store and its dispatch promise on any database. A module of one database alone overrides `kind`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from contextlib import closing

import pytest
from storagekit import postgres
from storagekit.clock import ManualClock
from storagekit.homes import Home

from storage.database import Database
from storage.invariants import violations
from storage.settings import QueueSettings, QuotaSettings
from storage.store import Store


@pytest.fixture
def clock(home: Home) -> Generator[ManualClock]:
    if home.address is None:
        yield ManualClock()
    else:
        with closing(postgres.connect(home.address)) as connection:
            yield postgres.ServerClock(connection)


@pytest.fixture
async def database(home: Home) -> AsyncIterator[Database]:
    async with await home.open() as database:
        yield database
        assert await violations(database, None) == []


@pytest.fixture
def store(database: Database, clock: ManualClock) -> Store:
    return Store(database, clock=clock, queue=QueueSettings(), quota=QuotaSettings())
