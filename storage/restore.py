"""Putting a backup in the database's place, and making the two halves of the data folder agree again.

Nothing is deleted: the old database, and files that the backup does not know, go to a folder `aside-…`.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from storage import files
from storage.backups import RESTORING, every, stamp
from storage.clock import Clock
from storage.database import BACKUP_FOLDER, FILE_NAME, Database
from storage.disks import disk_full, sync_file, sync_folder
from storage.errors import DatabaseRefused
from storage.gate import problem
from storage.jobs import Blob
from storage.lock import hold
from storage.media import Media
from storage.program import program
from storage.settings import Settings
from storage.sqlite import SQLite, choose_sqlite
from storage.store import Store
from storage.store.reconcile import Mended, NamedFile

UNKNOWN_IDS = 1_000
"""Numbers left out where the old database cannot tell how many it gave away: a number means one film for ever."""
_LAST_ID = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'request'"
COMPANIONS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What the replaced database knew and the backup does not."""

    accepted: tuple[int, ...] = ()
    """Requests that were accepted after the backup."""
    changed: tuple[int, ...] = ()
    """Requests that went on after it."""
    unread: str = ""
    """Why the list may be longer; empty where all of it could be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    backup: Path
    passed_over: tuple[str, ...]
    """Newer backups that could not serve, each with its reason."""
    aside: Path
    gap: Gap
    mended: Mended
    files_aside: int
    """Media files that no row of the backup names."""


async def restore(settings: Settings, clock: Clock, backup: Path | None = None) -> Restored:
    """Replace the database of a data folder that nobody works on, by its newest backup that is whole or by this one.

    Raises DatabaseRefused where a bot or an engine holds the folder, where no backup can serve, or without room.
    """
    if settings.data.database is not None:
        raise DatabaseRefused("data.database names a server: its backups are restored by its owner, with pg_restore.")
    folder = settings.data.folder
    with hold(folder, "bot"), _without_engines(folder):
        try:
            replaced = await asyncio.to_thread(_replace, folder, clock, backup)
        except Exception as exc:
            if not disk_full(exc):
                raise
            raise DatabaseRefused(
                f"There is no room in {folder} for a restore, which needs that of the backup and of the database: "
                "free some and run it again."
            ) from exc
        async with await Database.open(folder) as database:
            store = Store.of(database, settings, clock)
            media = Media(folder)
            damaged = await asyncio.to_thread(_damaged, media, await store.files_named())
            # In one transaction: a crash before it leaves what the next start or restore will mend.
            mended = await store.reconcile(damaged)
            named = await store.blobs_named()
            files_aside = await asyncio.to_thread(_put_aside, media, named, replaced.aside / "media")
    return Restored(
        backup=replaced.backup,
        passed_over=replaced.passed_over,
        aside=replaced.aside,
        gap=replaced.gap,
        mended=mended,
        files_aside=files_aside,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replaced:
    backup: Path
    passed_over: tuple[str, ...]
    aside: Path
    gap: Gap


def _replace(folder: Path, clock: Clock, wanted: Path | None) -> _Replaced:
    sqlite = choose_sqlite()
    path = folder / FILE_NAME
    for left in folder.glob(f"{RESTORING}*"):
        # Of one that was killed; the lock says that nobody is at work there.
        files.remove_folder(left)
    with (
        sqlite.classified(path),
        tempfile.TemporaryDirectory(dir=folder, prefix=RESTORING, ignore_cleanup_errors=True) as temporary,
    ):
        copy = Path(temporary) / FILE_NAME
        backup, passed_over = _choose(folder, wanted, copy, sqlite)
        gap, last_id = _gap(path, copy, sqlite, Path(temporary))
        _continue_numbers(copy, last_id, sqlite)
        sync_file(copy)
        aside = _new_folder(folder / f"aside-{stamp(clock)}")
        _keep_aside(path, aside)
        _put_in_place(copy, path, aside)
    return _Replaced(backup=backup, passed_over=passed_over, aside=aside, gap=gap)


def _new_folder(wanted: Path) -> Path:
    """Under a number where the name is taken: two restores may come in one second."""
    folder, number = wanted, 1
    while True:
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1
            folder = wanted.with_name(f"{wanted.name}-{number}")


def _choose(folder: Path, wanted: Path | None, copy: Path, sqlite: SQLite) -> tuple[Path, tuple[str, ...]]:
    """The backup that serves, of which `copy` is one now."""
    if wanted is not None:
        if not wanted.is_file():
            raise DatabaseRefused(f"There is no backup {wanted}.")
        if reason := _unfit(wanted, copy, sqlite):
            raise DatabaseRefused(f"This backup cannot serve: {reason}")
        return wanted, ()
    passed_over: list[str] = []
    for path in reversed(every(folder / BACKUP_FOLDER)):
        if (reason := _unfit(path, copy, sqlite)) is None:
            return path, tuple(passed_over)
        passed_over.append(f"{path.name}: {reason}")
    tried = f" ({'; '.join(passed_over)})" if passed_over else ""
    raise DatabaseRefused(f"There is no backup in {folder / BACKUP_FOLDER} that can serve{tried}: nothing was changed.")


def _unfit(backup: Path, copy: Path, sqlite: SQLite) -> str | None:
    """Asked of a copy: opening a database may write beside it."""
    for companion in _companions(copy):
        files.unlink(companion)
    files.copy(backup, copy)
    reason = problem(copy, sqlite)
    return None if reason is None else reason.partition(f": `{program()} restore`")[0].replace(str(copy), str(backup))


def _companions(path: Path) -> list[Path]:
    """Journals that lie beside a database now."""
    return [journal for ending in COMPANIONS if (journal := path.with_name(path.name + ending)).exists()]


def _keep_aside(path: Path, aside: Path) -> None:
    """The old database with its journals, which stays in its place as well."""
    if path.exists():
        try:
            (aside / FILE_NAME).hardlink_to(path)
        except OSError:
            shutil.copy2(path, aside / FILE_NAME)
            sync_file(aside / FILE_NAME)
    for companion in _companions(path):
        shutil.copy2(companion, aside / companion.name)
        sync_file(aside / companion.name)
    sync_folder(aside)
    sync_folder(aside.parent)


def _put_in_place(copy: Path, path: Path, aside: Path) -> None:
    """The new database for the old one; a crash leaves either of them whole, or a file that no bot opens.

    A journal of the old one would be played back into the new one and ruin it, and without its journal the old one
    would forget what it has promised. So there is a moment with neither, in which a bot asks for `flipbook restore`.
    """
    if companions := _companions(path):
        said = f"`{program()} restore` was interrupted: run it again. What was here lies in {aside.name}.\n"
        files.write_atomically(path, said, durable=True)
        sync_folder(path.parent)
        for companion in companions:
            files.unlink(companion)
        sync_folder(path.parent)
    files.replace(copy, path)
    sync_folder(path.parent)


def _gap(old: Path, new: Path, sqlite: SQLite, temporary: Path) -> tuple[Gap, int]:
    """What is lost, as far as the old database can still be read, and the last number that it gave away."""
    with closing(sqlite.connect(new)) as connection:
        known: dict[int, int] = dict(connection.execute("SELECT id, rev FROM request"))
        (given,) = connection.execute(_LAST_ID).fetchone()
    if not old.exists():
        return Gap(), given
    for path in (old, *_companions(old)):
        # Read from a copy: the old database stays as it was found.
        files.copy(path, temporary / f"old-{path.name}")
    accepted: list[int] = []
    changed: list[int] = []
    last_id = given + UNKNOWN_IDS
    try:
        with closing(sqlite.connect(temporary / f"old-{FILE_NAME}")) as connection:
            (last_id,) = connection.execute(_LAST_ID).fetchone()
            for request_id, rev in connection.execute("SELECT id, rev FROM request ORDER BY id DESC"):
                if request_id not in known:
                    accepted.append(request_id)
                elif known[request_id] < rev:
                    changed.append(request_id)
    except (sqlite.module.Error, sqlite3.Error) as exc:
        last_id = max([last_id, given + UNKNOWN_IDS, *accepted])
        return Gap(accepted=_sorted(accepted), changed=_sorted(changed), unread=str(exc)), last_id
    return Gap(accepted=_sorted(accepted), changed=_sorted(changed)), max(given, last_id)


def _continue_numbers(path: Path, last_id: int, sqlite: SQLite) -> None:
    with closing(sqlite.connect(path)) as connection:
        connection.execute("DELETE FROM sqlite_sequence WHERE name = 'request'")
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('request', ?)", (last_id,))


def _damaged(media: Media, named: list[NamedFile]) -> list[NamedFile]:
    """Those that are missing or not what they were; each file is read once."""
    judged: dict[Blob, bool] = {}
    for file in named:
        if file.blob not in judged:
            judged[file.blob] = media.damaged(file.blob)
    return [file for file in named if judged[file.blob]]


def _put_aside(media: Media, named: set[str], aside: Path) -> int:
    count = 0
    for path in list(media.orphans(named)):
        target = aside / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        files.replace(path, target)
        count += 1
    return count


def _sorted(numbers: list[int]) -> tuple[int, ...]:
    return tuple(sorted(numbers))


@contextmanager
def _without_engines(folder: Path) -> Generator[None]:
    """Hold every engine's lock: an engine whose bot was killed may still be at its last block."""
    with ExitStack() as locks:
        for path in folder.glob("engine-*.lock"):
            locks.enter_context(hold(folder, path.stem))
        yield
