"""A database that is held, full or gone while a film is drawn: the film waits, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from storagekit import postgres
from storagekit.films import drawn, film, wish
from storagekit.homes import Home
from storagekit.small_disk import SmallDisk, small_disk

from engine import __main__ as engine_main
from engine import worker as worker_module
from engine.link import Link
from engine.worker import Worker
from storage import outage
from storage import postgres as postgres_source
from storage import sqlite as sqlite_source
from storage.clock import SystemClock
from storage.database import FILE_NAME, Database
from storage.errors import DatabaseAway, DatabaseBusy, DatabaseTrouble, DiskFull
from storage.invariants import violations
from storage.jobs import Blob, Job, JobState, Result
from storage.settings import DataSettings, QueueSettings, QuotaSettings, Settings
from storage.sqlite import choose_sqlite
from storage.store import Store


class Pen:
    """Draws without a network; `before` is called in the drawing thread before a section is kept."""

    def __init__(self, before: Callable[[int], None]) -> None:
        self.before = before
        self.drawn: list[int] = []

    def draw(self, job: Job, link: Link, keep_section: Callable[..., None]) -> Result:
        for index in range(len(job.sections), 2):
            self.before(index)
            keep_section(drawn(job, index))
            self.drawn.append(index)
        return film(job.claim.request_id)

    def open_films(self) -> list[int]:
        return []

    def tidy(self, request_id: int) -> None: ...


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs of a fifth of a second, and short waits between two tries."""
    monkeypatch.setattr(sqlite_source, "BUSY_TIMEOUT_MS", 200)
    patient = postgres_source.ON_CONNECT
    assert any("lock_timeout" in statement for statement in patient)
    monkeypatch.setattr(postgres_source, "ON_CONNECT", (*patient, "SET lock_timeout = '200ms'"))
    monkeypatch.setattr(outage, "WAIT_S_MIN", 0.05)
    monkeypatch.setattr(outage, "WAIT_S_MAX", 0.2)
    monkeypatch.setattr(worker_module, "ROOM_WAIT_S_MIN", 0.05)


@asynccontextmanager
async def store_at(home: Home) -> AsyncIterator[Store]:
    async with await home.open() as database:
        yield Store(database, clock=SystemClock(), queue=QueueSettings(), quota=QuotaSettings())
        assert await violations(database, None) == []


async def draw(store: Store, pen: Pen, spare: Callable[[Blob], object] = lambda _: None) -> int:
    """One film to its end; the number of attempts that it took."""
    request_id = (await store.submit(wish("1"))).request_id
    stop = asyncio.Event()
    worker = Worker(name="pen", store=store, studio=pen, lease_s=60, stall_s=600, progress_interval_s=1, spare=spare)
    serving = asyncio.create_task(worker.serve(stop))
    async with asyncio.timeout(60):
        while True:
            assert not serving.done(), serving.exception()
            try:
                if (await store.status(request_id)).state.terminal:
                    break
                await store.changed(timeout_s=1)
            except DatabaseTrouble:
                await asyncio.sleep(0.05)
        stop.set()
        await serving
    assert (await store.status(request_id)).state is JobState.DONE
    query = text("SELECT max(epoch) FROM attempt")
    return await store._database.read(lambda db: db.execute(query).scalar_one())


def hold(home: Home) -> Callable[[], None]:
    """Another program takes what every write needs; the answer lets it go."""
    if home.address is None:
        # The product's own library: a second one in this process would not see its locks.
        module = choose_sqlite().module
        file = module.connect(str(home.folder / FILE_NAME), isolation_level=None, check_same_thread=False)
        file.execute("BEGIN IMMEDIATE")
        return file.close
    session = postgres.connect(home.address)
    session.execute("BEGIN")
    session.execute("LOCK TABLE request, section IN EXCLUSIVE MODE")
    return session.close


@pytest.mark.parametrize("moment", ["section", "end"])
async def test_a_film_waits_while_another_program_holds_the_database(
    home: Home, moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    """However often the time-out of a lock passes."""
    let_go: list[Callable[[], None]] = []
    tries: list[Blob] = []
    enough = 3 if moment == "section" else 8

    def spare(blob: Blob) -> None:
        """Called once for each try that did not succeed; at the end for each file of the film, before and after."""
        tries.append(blob)
        if len(tries) == enough:
            let_go.pop()()

    class Holder(Pen):
        def draw(self, job: Job, link: Link, keep_section: Callable[..., None]) -> Result:
            result = super().draw(job, link, keep_section)
            if moment == "end":
                let_go.append(hold(home))
            return result

    def before(index: int) -> None:
        if moment == "section" and index == 1:
            let_go.append(hold(home))

    async with store_at(home) as store:
        assert await draw(store, Holder(before), spare) == 1
    assert len(tries) >= enough
    waits = "a section waits" if moment == "section" else "the end of an attempt waits"
    assert waits in caplog.text


@contextmanager
def cramped(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Generator[tuple[Home, SmallDisk]]:
    """A database on a disk that can be filled."""
    with small_disk(tmp_path / "disk") as disk:
        if kind == "sqlite":
            shutil.copy(request.getfixturevalue("blank"), disk.folder)
            yield Home(folder=disk.folder), disk
            return
        server: postgres.Server = request.getfixturevalue("server")
        place = disk.folder / "tables"
        place.mkdir(mode=0o700)
        # The path leads through pytest's folder, which is the user's alone.
        for folder in (place, *tmp_path.parents[:2], tmp_path):
            folder.chmod(0o755)
        place.chmod(0o700)
        shutil.chown(place, postgres.UNPRIVILEGED, postgres.UNPRIVILEGED)
        with closing(postgres.connect(server.address("postgres"))) as admin:
            admin.execute(f"CREATE TABLESPACE cramped LOCATION '{place}'")
            try:
                admin.execute(f"CREATE DATABASE cramped TEMPLATE {postgres.TEMPLATE} TABLESPACE cramped")
                yield Home(folder=tmp_path, address=server.address("cramped")), disk
            finally:
                disk.free()
                admin.execute("DROP DATABASE IF EXISTS cramped WITH (FORCE)")
                admin.execute("DROP TABLESPACE cramped")


async def test_a_film_goes_back_without_a_try_while_the_databases_disk_is_full(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    filled: list[threading.Timer] = []

    with cramped(kind, tmp_path, request) as (home, disk):

        def before(index: int) -> None:
            if not filled:
                disk.fill()
                filled.append(threading.Timer(1.0, disk.free))
                filled[0].start()

        async with store_at(home) as store:
            attempts = await draw(store, Pen(before))
    filled[0].join()
    given_back = [record.reason for record in caplog.records if record.message.endswith("film given back")]
    # Two tries would have been spent by then: none was.
    assert len(given_back) == attempts - 1 >= 1
    assert all(isinstance(reason, DiskFull) for reason in given_back)


@pytest.mark.parametrize("kind", ["postgresql"])
async def test_a_film_waits_for_a_server_that_is_stopped_and_started(
    home: Home, server: postgres.Server, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[Blob] = []

    def spare(blob: Blob) -> None:
        tries.append(blob)
        if len(tries) == 3:
            server.start()

    async with store_at(home) as store:
        assert await draw(store, Pen(lambda index: server.stop() if index == 1 else None), spare) == 1
    assert caplog.text.count("the database is away") == caplog.text.count("the database is back") == 1


@pytest.mark.parametrize("kind", ["postgresql"])
@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("55P03", DatabaseBusy),
        ("57014", DatabaseBusy),
        ("53200", DatabaseBusy),
        ("53300", DatabaseBusy),
        ("40P01", DatabaseBusy),
        ("53100", DiskFull),
        ("57P03", DatabaseAway),
        ("08006", DatabaseAway),
        ("23514", DBAPIError),
        ("42P01", DBAPIError),
    ],
)
async def test_sqlstates_are_told_apart_in_one_place(home: Home, state: str, error: type[Exception]) -> None:
    def fail(db: Any) -> None:
        db.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$")

    async with await home.open() as database:
        for run in (database.write, database.read):
            with pytest.raises(error):
                await run(fail)


async def test_a_copy_of_a_database_on_a_full_disk_says_so(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with cramped("sqlite", tmp_path, request) as (home, disk):
        async with await Database.open(home.folder) as database:
            disk.fill()
            with pytest.raises(DiskFull):
                await database.backup(home.folder / "copy.db")
            disk.free()
            await database.backup(home.folder / "copy.db")


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_an_engine_that_starts_while_the_database_is_held_waits_for_it(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    """It needs no owner, and ends at once where it is told to stop."""
    module = choose_sqlite().module
    holder = module.connect(str(home.folder / FILE_NAME), isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN IMMEDIATE")
    holder.execute("COMMIT")
    settings, stop = Settings(data=DataSettings(folder=home.folder)), asyncio.Event()
    opening = asyncio.create_task(engine_main._open(settings, stop))
    async with asyncio.timeout(60):
        while "cannot be opened yet" not in caplog.text:  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.01)
        stopped = asyncio.Event()
        stopped.set()
        assert await engine_main._open(settings, stopped) is None
        holder.close()
        database = await opening
    assert database is not None
    await database.close()
