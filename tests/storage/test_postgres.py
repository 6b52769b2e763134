"""PostgreSQL's own affairs: what is refused and why, what a transaction sees, and what survives a lost connection."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from storagekit import postgres
from storagekit.clock import ManualClock
from storagekit.films import MIA, begin, finish, wish
from storagekit.homes import Home

from bot.app import open_house
from storage.database import Database
from storage.errors import DatabaseAway, DatabaseRefused, SettingsError
from storage.jobs import JobState
from storage.postgres import Postgres
from storage.schema import metadata
from storage.settings import DATABASE_PASSWORD_VARIABLE, DataSettings, Settings, load_settings
from storage.store import Store


@pytest.fixture
def kind() -> str:
    return "postgresql"


@pytest.fixture
def empty(server: postgres.Server) -> Generator[str]:
    """The address of a database without tables."""
    with server.copy(template="template0") as address:
        yield address


async def test_migrations_end_at_the_tables_the_program_speaks_of(empty: str) -> None:
    async with await Database.open(Path(), empty) as database:
        differences = await database.write(
            lambda db: compare_metadata(MigrationContext.configure(db, opts={"compare_type": True}), metadata)
        )
        assert differences == []
        mode = database.mode
    assert (mode.product, mode.library, mode.journal) == ("postgresql", "psycopg", "server")
    assert int(mode.version.split(".")[0]) >= 13


async def test_constraints_of_both_databases_are_the_same(database: Database, blank: Path) -> None:
    named = await database.read(
        lambda db: set(db.execute(text("SELECT conname FROM pg_constraint WHERE contype = 'c'")).scalars())
    )
    written = blank.read_bytes().decode("utf-8", "ignore")
    checks = {
        str(check.name) for table in metadata.tables.values() for check in table.constraints if "ck_" in str(check.name)
    }
    assert checks
    assert checks <= named
    assert all(name in written for name in checks)


async def test_two_programs_may_create_the_tables_at_once(empty: str) -> None:
    databases = await asyncio.gather(*(Database.open(Path(), empty) for _ in range(3)))
    for database in databases:
        assert await database.read(lambda db: db.execute(text("SELECT count(*) FROM queue")).scalar_one()) == 1
        await database.close()


async def test_database_of_a_newer_version_is_refused_untouched(home: Home) -> None:
    assert home.address is not None
    with closing(postgres.connect(home.address)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(DatabaseRefused, match=r"newer Flipbook \(schema 9999"):
            await home.open()
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


async def test_database_of_another_program_is_refused(empty: str) -> None:
    with closing(postgres.connect(empty)) as connection:
        connection.execute("CREATE TABLE recipes (name text)")
    with pytest.raises(DatabaseRefused, match="is not a Flipbook database"):
        await Database.open(Path(), empty)


async def test_server_that_is_not_there_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATABASE_PASSWORD_VARIABLE, "hush")
    with pytest.raises(DatabaseAway, match=r"postgresql\S*127.0.0.1:1/flipbook cannot be used") as refused:
        await Database.open(Path(), "postgresql://flipbook@127.0.0.1:1/flipbook")
    assert "hush" not in str(refused.value)


def test_password_comes_from_the_environment(server: postgres.Server) -> None:
    """The server asks for none; libpq would refuse a wrong one only where it is asked."""
    opened = Postgres.open(server.address(postgres.TEMPLATE), {DATABASE_PASSWORD_VARIABLE: "hush"})
    engine = opened.engine(writer=False)
    assert engine.url.password == "hush"
    engine.dispose()


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("postgresql://flipbook:hush@localhost/flipbook", DATABASE_PASSWORD_VARIABLE),
        ("postgresql://localhost/flipbook?password=hush", DATABASE_PASSWORD_VARIABLE),
        ("mysql://localhost/hush", "must look like"),
        ("postgresql:///hush", "must look like"),
        ("postgresql://localhost:hush/flipbook", "must look like|not an address"),
    ],
)
def test_wrong_address_is_refused_without_repeating_it(tmp_path: Path, address: str, named: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'[data]\ndatabase = "{address}"\n')
    with pytest.raises(SettingsError, match=named) as refused:
        load_settings(path)
    assert "hush" not in str(refused.value)


async def test_commits_are_durable_and_readers_change_nothing(database: Database) -> None:
    def show(name: str) -> object:
        return lambda db: db.execute(text(f"SHOW {name}")).scalar_one()

    for run in (database.write, database.read):
        assert await run(show("synchronous_commit")) == "on"
        assert await run(show("idle_in_transaction_session_timeout")) == "10s"
    assert await database.write(show("transaction_isolation")) == "read committed"
    assert await database.read(show("transaction_isolation")) == "repeatable read"
    with pytest.raises(DBAPIError, match="read-only transaction"):
        await database.read(lambda db: db.execute(text("UPDATE queue SET queued = 1")))


async def test_reader_sees_one_moment_while_others_write(database: Database) -> None:
    looked, written = threading.Event(), threading.Event()

    def look(db: Connection) -> object:
        return db.execute(text("SELECT virtual_ms FROM queue")).scalar_one()

    def look_twice(db: Connection) -> tuple[object, object]:
        before = look(db)
        looked.set()
        written.wait()
        return before, look(db)

    reading = asyncio.create_task(database.read(look_twice))
    await asyncio.to_thread(looked.wait)
    await database.write(lambda db: db.execute(text("UPDATE queue SET virtual_ms = 9")))
    written.set()
    assert await reading == (0, 0)
    assert await database.read(look) == 9


async def test_transaction_whose_connection_was_lost_is_run_again(database: Database, home: Home) -> None:
    """As after a stop so long that the server gave the session up."""
    assert home.address is not None
    lost: list[int] = []
    with closing(postgres.connect(home.address)) as killer:

        def write(db: Connection) -> None:
            db.execute(text("UPDATE queue SET virtual_ms = virtual_ms + 1"))
            pid = db.execute(text("SELECT pg_backend_pid()")).scalar_one()
            if not lost:
                lost.append(pid)
                killer.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
            db.execute(text("SELECT 1"))

        await database.write(write)
    assert len(lost) == 1
    assert await database.read(lambda db: db.execute(text("SELECT virtual_ms FROM queue")).scalar_one()) == 1


async def test_idle_connections_that_were_cut_cost_no_request(database: Database, store: Store, home: Home) -> None:
    assert home.address is not None
    await store.submit(wish("a"))
    with closing(postgres.connect(home.address)) as killer:
        killer.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert (await finish(store, await begin(store))).state is JobState.DONE


async def test_deadlock_is_resolved_by_running_one_side_again(database: Database, home: Home) -> None:
    """Two accounts, locked in opposite orders."""
    both = threading.Barrier(2)

    def cross(first: int, second: int) -> object:
        waited: list[bool] = []

        def write(db: Connection) -> None:
            db.execute(text(f"UPDATE person SET created_ms = created_ms + 1 WHERE id = {first}"))
            if not waited:
                waited.append(True)
                both.wait(timeout=30)
            db.execute(text(f"UPDATE person SET created_ms = created_ms + 1 WHERE id = {second}"))

        return write

    two = text("INSERT INTO person (id, created_ms, running) VALUES (1, 0, 0), (2, 0, 0)")
    await database.write(lambda db: db.execute(two))
    async with await home.open() as other:
        await asyncio.gather(database.write(cross(1, 2)), other.write(cross(2, 1)))
    query = text("SELECT created_ms FROM person ORDER BY id")
    assert list(await database.read(lambda db: db.execute(query).scalars().all())) == [2, 2]


async def test_backups_are_the_owners(database: Database, tmp_path: Path) -> None:
    assert not database.backs_up
    with pytest.raises(DatabaseRefused, match="pg_dump"):
        await database.backup(tmp_path / "copy.db")


async def test_bot_opens_the_database_of_its_settings(home: Home, clock: ManualClock) -> None:
    settings = Settings(data=DataSettings(folder=home.folder, database=home.address))
    async with open_house(settings, clock) as house:
        assert house.database.mode.product == "postgresql"
        await house.store.submit(wish("a"))
    async with await home.open() as database:
        store = Store.of(database, settings, clock)
        assert len(await store.history(MIA)) == 1
    assert not (home.folder / "flipbook.db").exists()
