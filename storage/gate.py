"""Before the database is used: may it be opened here, is it whole, is it of this version? Synchronous."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from storage import files
from storage.disks import disk_full, network_file_system, sync_file, sync_folder
from storage.errors import DatabaseBusy, DatabaseRefused, DiskFull
from storage.migrate import head, migrate, revision_of
from storage.private import make_private
from storage.program import program
from storage.sqlite import SQLite

COMPACT_TRIES = 3
UNFINISHED = ".backup-"
"""Folders in which a copy is made, beside its place."""


def prepare(path: Path, sqlite: SQLite, backups: Path) -> None:
    """Leave a whole database of the newest schema at `path`, creating or migrating it.

    An existing database is copied into `backups` before it is migrated. Raises DatabaseRefused where only the owner
    can help; DatabaseBusy while another program holds the database; DiskFull.
    """
    _check_folder(path.parent)
    with _refusing(path, sqlite):
        if not path.exists():
            # SQLite gives its journals the rights of the file.
            path.touch(mode=0o600)
        existed = path.stat().st_size > 0
        if existed:
            _check_writable(path)
            _check_whole(path, sqlite)
        found = revision_of(path, sqlite) if existed else None
        if found is not None and not found.known:
            raise DatabaseRefused(
                f"The database {path} was written by a newer Flipbook (schema {found.name}; this one knows {head()}): "
                "update Flipbook, or restore a backup made by this version."
            )
        _set_journal(path, sqlite)
        if found is None or found.name != head():
            if found is not None:
                back_up(sqlite, path, _unused(backups, f"before-{head()}-from-{found.name}"))
            migrate(path, sqlite)


def back_up(sqlite: SQLite, path: Path, target: Path) -> None:
    """Copy a database that may be in use. `target` appears whole or not at all, and durably. Raises DiskFull."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=UNFINISHED, ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / target.name
        copy.touch(mode=0o600)
        with sqlite.classified(path), closing(sqlite.connect(path)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        sync_file(copy)
        files.replace(copy, target)
    sync_folder(target.parent)


def compact(sqlite: SQLite, path: Path) -> None:
    """Write a database that may be in use anew: no freed page and no journal holds what was deleted.

    Raises DatabaseBusy where others keep it busy for longer than the busy timeout; DiskFull.
    """
    with sqlite.classified(path), closing(sqlite.connect(path)) as connection:
        connection.execute("VACUUM")
        if sqlite.journal != "wal":
            return
        # A reader in the middle of a long look keeps older pages in the log.
        for _ in range(COMPACT_TRIES):
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                return
    raise DatabaseBusy("The database's log could not be emptied: somebody reads an older moment of it.")


def problem(path: Path, sqlite: SQLite) -> str | None:
    """Why a copy cannot serve as the database; None for one that can. Raises DiskFull."""
    try:
        with _refusing(path, sqlite):
            _check_whole(path, sqlite)
            found = revision_of(path, sqlite)
    except DatabaseRefused as exc:
        return str(exc)
    if found is None:
        return f"{path} is empty."
    return None if found.known else f"{path} was written by a newer Flipbook (schema {found.name})."


def _check_folder(folder: Path) -> None:
    try:
        make_private(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as exc:
        if disk_full(exc):
            raise DiskFull(f"The disk of the data folder {folder} is full: free some room.") from exc
        raise DatabaseRefused(
            f"The data folder {folder} cannot be written ({exc.strerror or exc}): "
            "give Flipbook the right to write there, or set data.folder to another place."
        ) from exc
    if kind := network_file_system(folder):
        raise DatabaseRefused(
            f"The data folder {folder} lies on a network file system ({kind}), where a database can be ruined: "
            "set data.folder to a folder on a local disk."
        )


def _check_writable(path: Path) -> None:
    # SQLite would open it for reading and fail at the first write.
    with files.patiently(lambda: path.open("r+b")):
        pass


def _check_whole(path: Path, sqlite: SQLite) -> None:
    with closing(sqlite.connect(path)) as connection:
        answers = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    if answers != ["ok"]:
        raise DatabaseRefused(_damaged(path, "; ".join(" ".join(answer.split()) for answer in answers)))


def _set_journal(path: Path, sqlite: SQLite) -> None:
    with closing(sqlite.connect(path)) as connection:
        (journal,) = connection.execute(f"PRAGMA journal_mode = {sqlite.journal}").fetchone()
    if journal != sqlite.journal:
        raise DatabaseRefused(
            f"The database {path} stays in journal mode {journal} where {sqlite.journal} is needed: "
            "stop the other program that has it open."
        )


@contextmanager
def _refusing(path: Path, sqlite: SQLite) -> Generator[None]:
    """Turn the errors of SQLite and of the disk into a sentence for the owner."""
    try:
        yield
    except sqlite.module.Error as exc:
        code = getattr(exc, "sqlite_errorname", "")
        # Older drivers name no code, so the two lasting defects are read from SQLite's own fixed words too.
        if "CORRUPT" in code or "NOTADB" in code or "malformed" in str(exc) or "not a database" in str(exc):
            raise DatabaseRefused(_damaged(path, str(exc))) from exc
        match sqlite.trouble(exc, path):
            case DatabaseBusy():
                raise DatabaseBusy(f"The database {path} is held by another program: stop that first.") from exc
            case DiskFull():
                raise DiskFull(f"The disk of the database {path} is full: free some room.") from exc
            case _:
                pass
        raise DatabaseRefused(f"The database {path} cannot be opened: {exc}.") from exc
    except OSError as exc:
        if disk_full(exc):
            raise DiskFull(f"The disk of the database {path} is full: free some room.") from exc
        raise DatabaseRefused(f"The database {path} cannot be opened for writing: {exc.strerror or exc}.") from exc


def _damaged(path: Path, detail: str) -> str:
    return (
        f"The database {path} is damaged ({detail}): `{program()} restore` keeps it aside and puts the newest backup "
        f"of {path.parent / 'backups'} in its place."
    )


def _unused(folder: Path, stem: str) -> Path:
    number = 0
    while (target := folder / f"{stem}{f'-{number}' if number else ''}.db").exists():
        number += 1
    return target
