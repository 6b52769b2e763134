"""Copies of the database in the backup folder: one a day, a bounded number, judged by their names."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from storage import files
from storage.clock import Clock
from storage.database import BACKUP_FOLDER, Database
from storage.gate import UNFINISHED

BACKUP_EVERY_S = 86_400
BACKUPS_KEPT = 7
"""A week of days."""
RESTORING = ".restore-"
"""Folders in the data folder in which a restore is prepared."""
UNFINISHED_AGE_MS = 3_600_000
_STAMP = "%Y%m%dT%H%M%SZ"


async def back_up_if_due(database: Database, folder: Path, clock: Clock, *, keep: int = BACKUPS_KEPT) -> Path | None:
    """Copy the database once a day and keep the newest copies; the copy, or None where none was due.

    Judged by the files' names, not by a timer: a bot that is restarted every evening makes its backups too.
    """
    if not database.backs_up:
        return None
    now_s = clock.now_ms() / 1000
    await asyncio.to_thread(remove_unfinished, folder.parent, older_than_ms=clock.now_ms() - UNFINISHED_AGE_MS)
    kept = await asyncio.to_thread(daily, folder)
    # A wall clock that was wrong once may have left a name of the future: that one does not count.
    newest_s = max((made_s(path) for path in kept if made_s(path) <= now_s), default=None)
    if newest_s is not None and now_s - newest_s < BACKUP_EVERY_S:
        return None
    target = await back_up(database, folder, clock)
    # Those of a future that a wrong clock made up go first: by their names they would stay for ever.
    for old in sorted({*kept, target}, key=lambda path: (made_s(path) <= now_s + 1, path))[:-keep]:
        await asyncio.to_thread(files.unlink, old, missing_ok=True)
    return target


async def back_up(database: Database, folder: Path, clock: Clock) -> Path:
    """A copy of this moment."""
    target = folder / f"daily-{stamp(clock)}.db"
    await database.backup(target)
    return target


def remove_unfinished(folder: Path, *, older_than_ms: int) -> None:
    """Of a data folder: copies whose makers were killed, to which nothing was written since that moment."""
    for work in (*folder.glob(f"{RESTORING}*"), *(folder / BACKUP_FOLDER).glob(f"{UNFINISHED}*")):
        try:
            newest_ms = max(path.stat().st_mtime_ns for path in (work, *work.iterdir())) // 1_000_000
        except FileNotFoundError:
            continue  # its maker lives, and has just finished
        if newest_ms < older_than_ms:
            files.remove_folder(work)


def stamp(clock: Clock) -> str:
    """This moment as part of a file's name that sorts by time."""
    return f"{datetime.fromtimestamp(clock.now_ms() / 1000, UTC):{_STAMP}}"


def daily(folder: Path) -> list[Path]:
    """Daily copies, oldest first; others in the folder, such as those before a migration, are not among them."""
    return sorted(path for path in folder.glob("daily-*.db") if made_s(path) >= 0)


def every(folder: Path) -> list[Path]:
    """All that Flipbook ever put there, oldest first: daily copies and those before a migration."""
    copies = [*daily(folder), *folder.glob("before-*.db")]
    return sorted(copies, key=lambda path: (path.stat().st_mtime_ns, path.name))


def made_s(path: Path) -> float:
    """When a daily copy was made, by its name; -1 for any other file."""
    try:
        return datetime.strptime(path.stem, f"daily-{_STAMP}").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return -1
