"""A restore that is cut short anywhere leaves the old database, the new one, or a file that no bot opens."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from crashkit import roles, tally
from crashkit.processes import Child
from crashkit.terms import Terms
from sqlalchemy import Connection
from storagekit.films import wish

from storage.backups import back_up
from storage.database import BACKUP_FOLDER, FILE_NAME, Database
from storage.errors import DatabaseRefused
from storage.restore import restore

STEPS_MAX = 60


def test_a_restore_that_is_killed_loses_neither_the_old_database_nor_the_new_one(ground: Path, blank: Path):
    """The old one has its newest requests in its journal alone, as a bot that was killed leaves them."""
    whole = ground.with_name("whole")
    known = asyncio.run(lived(whole, blank))
    for number in range(1, STEPS_MAX):
        terms = Terms(folder=ground.with_name(f"killed-{number}"))
        shutil.copytree(whole, terms.folder)
        child = Child(roles.restorer, terms, str(number)).ready()
        if child.ended() == 0:
            assert number > 5
            break
        child.killed()
        tally.done["restores killed"] += 1
        assert opened(terms.folder) in (None, known, known[:1]), f"before step {number}"
        asyncio.run(restore(terms.settings(), terms.clock()))
        assert opened(terms.folder) == known[:1], f"before step {number}"
        assert known in [kept(aside) for aside in terms.folder.glob("aside-*")], f"before step {number}"
        assert list(terms.folder.glob(".restore-*")) == []
        shutil.rmtree(terms.folder)
    else:
        raise AssertionError("a restore has more steps than that")


async def lived(folder: Path, blank: Path) -> list[str]:
    """A data folder with a backup that knows the first request and a database file that knows two; the keys of all."""
    folder.mkdir()
    home = folder.with_name("home")
    home.mkdir()
    shutil.copy(blank, home / FILE_NAME)
    terms = Terms(folder=home)
    keys = [f"update-{number}" for number in range(4)]
    async with await Database.open(home) as database:
        store = terms.store(database, terms.clock())
        await store.submit(wish(keys[0]))
        await back_up(database, home / BACKUP_FOLDER, terms.clock())
        await store.submit(wish(keys[1]))
        await database.compact()
        for key in keys[2:]:
            await store.submit(wish(key))
        # While it is open: closed in order, the journal would be gone.
        shutil.copytree(home, folder, dirs_exist_ok=True)
    return keys


def opened(folder: Path) -> list[str] | None:
    """The keys that a bot finds at its start; None where it is sent to `flipbook restore`."""

    async def look() -> list[str]:
        async with await Database.open(folder) as database:
            return await database.read(_keys)

    try:
        return asyncio.run(look())
    except DatabaseRefused as exc:
        return None if "flipbook restore" in str(exc) else [str(exc)]


def kept(aside: Path) -> list[str]:
    """The keys in a database that was put aside; none where it is not whole."""
    with closing(sqlite3.connect(aside / FILE_NAME)) as connection:
        try:
            return [key for (key,) in connection.execute("SELECT idem FROM request ORDER BY id")]
        except sqlite3.DatabaseError:
            return []


def _keys(db: Connection) -> list[str]:
    return list(db.exec_driver_sql("SELECT idem FROM request ORDER BY id").scalars())
