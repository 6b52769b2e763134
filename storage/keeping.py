"""Letting go for good: files that no row names, and every trace of those who were erased."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Container
from pathlib import Path

from storage import files
from storage.backups import back_up, every, remove_unfinished
from storage.clock import Clock
from storage.database import BACKUP_FOLDER, Database
from storage.errors import UnknownRequest
from storage.media import Media
from storage.store import Store

SWEEP_AGE_MS = 6 * 3_600_000
"""A file is written before the row that names it, and a refused wish leaves its pictures: neither takes hours."""
SCRUB_AGE_MS = 60_000
"""For files of erased persons, which must not wait for hours: no wish takes a minute from its files to its row."""
DELETED_AGE_MS = 30_000
"""For files of deleted films, which are to be gone within a minute. A film's parts are spared once more right before
their rows are written, and a wish's pictures are written right before its row."""
ASIDE = "aside-*"
"""Folders of databases that a restore replaced. They are the owner's to remove."""

log = logging.getLogger(__name__)


async def sweep(store: Store, media: Media, clock: Clock, *, age_ms: int = SWEEP_AGE_MS) -> int:
    """Remove files that no row names and that are old enough not to wait for one; how many."""
    now_ms = clock.now_ms()
    named = await store.blobs_named()
    return await asyncio.to_thread(_sweep, media, named, now_ms - age_ms, now_ms)


class Deleted:
    """Files of what was deleted: gone within a minute, and nothing is searched where nothing was deleted.

    It counts, and asks no clock since when: a wall clock that is set back hides no deletion.
    """

    PERIOD_S = 10
    """Between two looks."""
    TURNS = 1 + DELETED_AGE_MS // (1000 * PERIOD_S) + 1
    """After each deletion: what was written right before it is too young at first."""

    def __init__(self, store: Store, media: Media, clock: Clock) -> None:
        self._store = store
        self._media = media
        self._clock = clock
        self._count = -1  # at the start there may be something that an earlier process did not come to
        self._turns_left = 0

    async def sweep(self) -> None:
        """Once in each PERIOD_S. Raises OSError and the database's errors; then it is still due."""
        count = await self._store.purged_count()
        if count != self._count:
            self._count, self._turns_left = count, self.TURNS
        if self._turns_left:
            files = await sweep(self._store, self._media, self._clock, age_ms=DELETED_AGE_MS)
            self._turns_left -= 1
            if files:
                log.info("files of deleted films are gone", extra={"files": files})


async def scrub(store: Store, database: Database, media: Media, folder: Path, clock: Clock) -> list[Path] | None:
    """Remove what is left of erased persons in files, freed pages, caches and backups of the data folder.

    Done where `unscrubbed` says so, and again after anything that interrupts it. Returns what only the owner can
    remove; None where nobody waits to be scrubbed. Raises OSError and the database's errors; then it is still due.
    """
    persons = await store.unscrubbed()
    if not persons:
        return None
    before_ms = clock.now_ms() - SCRUB_AGE_MS
    await sweep(store, media, clock, age_ms=SCRUB_AGE_MS)
    await _remove_work(store, folder)
    await database.compact()
    # Half a copy knows them as well as a whole one.
    await asyncio.to_thread(remove_unfinished, folder, older_than_ms=before_ms)
    if database.backs_up:
        # First a copy that does not know them, then away with those that do.
        fresh = await back_up(database, folder / BACKUP_FOLDER, clock)
        for old in await asyncio.to_thread(every, folder / BACKUP_FOLDER):
            if old != fresh:
                await asyncio.to_thread(files.unlink, old, missing_ok=True)
    # What was written right before the erasure is too young to be swept: those persons have another turn.
    await store.scrubbed(persons, erased_before_ms=before_ms)
    left = await asyncio.to_thread(lambda: sorted(folder.glob(ASIDE)))
    log.info("erased persons are scrubbed", extra={"persons": len(persons), "left": [path.name for path in left]})
    return left


def _sweep(media: Media, named: Container[str], before_ms: int, now_ms: int) -> int:
    count = media.sweep(older_than_ms=before_ms, now_ms=now_ms)
    for path in media.orphans(named):
        count += media.discard(path, older_than_ms=before_ms, now_ms=now_ms)
    return count


async def _remove_work(store: Store, folder: Path) -> None:
    """Parts of films that do not go on, and encoded prompts and pictures: those are only a cache of everybody's."""
    for path in await asyncio.to_thread(lambda: list((folder / "work").glob("*"))):
        try:
            ended = path.name.isdecimal() and (await store.status(int(path.name))).state.terminal
        except UnknownRequest:
            ended = True
        if ended:
            await asyncio.to_thread(files.remove_folder, path)
    await asyncio.to_thread(files.remove_folder, folder / "cache" / "conditioning")
