"""The database file: which SQLite, in which mode; what is refused and why; readers, writers, backups."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError, OperationalError
from storagekit.clock import ManualClock
from storagekit.films import begin, finish, wish

from storage import disks
from storage.database import FILE_NAME, Database
from storage.errors import DatabaseBusy, DatabaseRefused
from storage.gate import back_up, prepare
from storage.invariants import violations
from storage.jobs import JobState
from storage.settings import QueueSettings, QuotaSettings
from storage.sqlite import SQLite, choose_sqlite, wal_is_safe
from storage.sqlite_file import SQLiteFile
from storage.store import Store

TRUNCATE = SQLite(sqlite3, "truncate")


@pytest.fixture
def kind() -> str:
    """A file's own affair."""
    return "sqlite"


def one(query: str) -> Callable[[Connection], object]:
    return lambda db: db.execute(text(query)).scalar_one()


def do(statement: str) -> Callable[[Connection], object]:
    return lambda db: db.execute(text(statement))


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 6, 23), True),
        ((3, 7, 0), False),
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), False),
        ((3, 53, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_wal_is_trusted_only_where_its_bug_is_fixed(version: tuple[int, int, int], safe: bool) -> None:
    assert wal_is_safe(version) is safe


async def test_journal_mode_is_the_one_that_was_chosen(database: Database) -> None:
    chosen = choose_sqlite()
    assert database.mode == chosen.mode
    assert (database.mode.journal == "wal") is wal_is_safe(chosen.module.sqlite_version_info)
    assert await database.read(one("PRAGMA journal_mode")) == chosen.journal


async def test_every_connection_is_durable_and_keeps_foreign_keys(database: Database) -> None:
    for run in (database.write, database.read):
        assert await run(one("PRAGMA synchronous")) == 2
        assert await run(one("PRAGMA foreign_keys")) == 1
        assert await run(one("PRAGMA busy_timeout")) == 10_000


async def test_unsafe_library_works_with_a_rollback_journal(tmp_path: Path) -> None:
    prepare(tmp_path / FILE_NAME, TRUNCATE, tmp_path / "backups")
    database = Database(SQLiteFile(tmp_path / FILE_NAME, TRUNCATE))
    try:
        await database.write(do("UPDATE queue SET virtual_ms = 7"))
        assert await database.read(one("SELECT virtual_ms FROM queue")) == 7
        assert await database.read(one("PRAGMA journal_mode")) == "truncate"
        assert await database.changed(timeout_s=1)
        store = Store(database, clock=ManualClock(), queue=QueueSettings(), quota=QuotaSettings())
        await store.submit(wish("a"))
        assert (await finish(store, await begin(store))).state is JobState.DONE
        assert await violations(database, None) == []
    finally:
        await database.close()


async def test_errors_of_either_library_arrive_as_sqlalchemys(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await database.write(do("INSERT INTO queue (id, virtual_ms, queued, est_ms, stood_ms) VALUES (2, 0, 0, 0, 0)"))
    with pytest.raises(OperationalError):
        await database.read(do("UPDATE queue SET queued = 1"))


async def test_transaction_that_fails_is_rolled_back(database: Database) -> None:
    def fail(db: Connection) -> None:
        db.execute(text("UPDATE queue SET virtual_ms = 7"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(fail)
    assert await database.read(one("SELECT virtual_ms FROM queue")) == 0


async def test_transaction_of_a_cancelled_task_ends_all_the_same(database: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(db: Connection) -> None:
        db.execute(text("UPDATE queue SET virtual_ms = 7"))
        begun.set()
        go_on.wait()

    task = asyncio.create_task(database.write(slow))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await database.write(do("UPDATE queue SET virtual_ms = virtual_ms + 1"))
    assert await database.read(one("SELECT virtual_ms FROM queue")) == 8


async def test_closing_waits_for_the_transaction_under_way(tmp_path: Path, blank: Path) -> None:
    shutil.copy(blank, tmp_path)
    begun = threading.Event()

    def slow(db: Connection) -> None:
        begun.set()
        db.execute(text("UPDATE queue SET virtual_ms = 7"))

    async with await Database.open(tmp_path) as database:
        task = asyncio.create_task(database.write(slow))
        await asyncio.to_thread(begun.wait)
    await task
    async with await Database.open(tmp_path) as database:
        assert await database.read(one("SELECT virtual_ms FROM queue")) == 7


async def test_writer_holds_the_lock_from_the_first_moment(database: Database, tmp_path: Path) -> None:
    module = choose_sqlite().module

    def look(_db: Connection) -> None:
        with closing(module.connect(str(tmp_path / FILE_NAME), timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")

    with pytest.raises(DatabaseBusy):
        await database.write(look)
    await database.read(look)


async def test_reader_sees_one_moment_while_others_write(database: Database) -> None:
    if database.mode.journal != "wal":
        pytest.skip("a rollback journal makes the writer wait for its readers")
    looked, written = threading.Event(), threading.Event()
    query = one("SELECT virtual_ms FROM queue")

    def look_twice(db: Connection) -> tuple[object, object]:
        before = query(db)
        looked.set()
        written.wait()
        return before, query(db)

    reading = asyncio.create_task(database.read(look_twice))
    await asyncio.to_thread(looked.wait)
    await database.write(do("UPDATE queue SET virtual_ms = 9"))
    written.set()
    assert await reading == (0, 0)
    assert await database.read(query) == 9


async def test_backup_of_a_database_in_use_opens_as_a_database(
    database: Database, store: Store, tmp_path: Path
) -> None:
    await store.submit(wish("a"))
    target = tmp_path / "elsewhere" / FILE_NAME
    # In the middle of a transaction that is not committed yet.
    sqlite = choose_sqlite()
    await database.write(
        lambda db: (do("UPDATE queue SET virtual_ms = 9")(db), back_up(sqlite, tmp_path / FILE_NAME, target))
    )
    await begin(store)
    async with await Database.open(target.parent) as copy:
        assert await copy.read(one("SELECT state FROM request")) == "queued"
        assert await copy.read(one("SELECT virtual_ms FROM queue")) == 0
    await database.backup(target)
    async with await Database.open(target.parent) as copy:
        assert await copy.read(one("SELECT state FROM request")) == "running"
    assert [path.name for path in target.parent.iterdir() if path.name.startswith(".")] == []


async def test_damaged_database_is_refused_with_a_way_out(tmp_path: Path, blank: Path) -> None:
    content = bytearray(blank.read_bytes())
    content[4096 * 2 : 4096 * 12] = b"\xa5" * 4096 * 10
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(DatabaseRefused, match=r"is damaged .*`flipbook restore` .* puts the newest backup"):
        await Database.open(tmp_path)


async def test_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text("dear diary, " * 500)
    with pytest.raises(DatabaseRefused, match="is damaged"):
        await Database.open(tmp_path)
    assert path.read_text().startswith("dear diary")


async def test_database_of_another_program_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(DatabaseRefused, match="is not a Flipbook database"):
        await Database.open(tmp_path)


async def test_database_of_a_newer_version_is_refused_untouched(tmp_path: Path, blank: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(blank.read_bytes())
    with closing(choose_sqlite().module.connect(str(path))) as other, other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseRefused, match=r"newer Flipbook \(schema 9999"):
        await Database.open(tmp_path)
    assert not (tmp_path / "backups").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no write bit there")
async def test_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("nothing is forbidden to root")
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(DatabaseRefused, match="cannot be written"):
        await Database.open(tmp_path)


async def test_folder_whose_name_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(DatabaseRefused, match="cannot be written"):
        await Database.open(tmp_path / "data")


async def test_two_programs_may_create_the_database_at_once(tmp_path: Path) -> None:
    databases = await asyncio.gather(Database.open(tmp_path), Database.open(tmp_path))
    for database in databases:
        assert await database.read(one("SELECT count(*) FROM queue")) == 1
        await database.close()


class Mount:
    def __init__(self, mountpoint: str, fstype: str, opts: str = "rw") -> None:
        self.mountpoint, self.fstype, self.opts = mountpoint, fstype, opts


def test_innermost_mount_decides_whether_a_disk_is_local(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The table of mounts is the one thing here that a test cannot make."""
    inner = tmp_path / "inner"
    inner.mkdir()
    root = tmp_path.anchor

    def answer(*mounts: Mount) -> str | None:
        monkeypatch.setattr("psutil.disk_partitions", lambda all: mounts)
        return disks.network_file_system(inner)

    assert answer(Mount(root, "ext4")) is None
    assert answer(Mount(root, "ext4"), Mount(str(inner), "nfs4")) == "nfs4"
    assert answer(Mount(root, "nfs"), Mount(str(tmp_path), "ext4")) is None
    assert answer(Mount(str(tmp_path), "ext4"), Mount(str(tmp_path), "CIFS")) == "cifs"
    assert answer(Mount(root, "NTFS", "rw,remote")) == "ntfs"
    assert answer() is None


async def test_network_disk_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("psutil.disk_partitions", lambda all: [Mount(tmp_path.anchor, "nfs4")])
    with pytest.raises(DatabaseRefused, match=r"network file system \(nfs4\)"):
        await Database.open(tmp_path)
    assert not (tmp_path / FILE_NAME).exists()


def test_this_disk_is_known_to_be_local(tmp_path: Path) -> None:
    assert disks.network_file_system(tmp_path) is None
