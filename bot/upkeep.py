"""What must happen now and then whether or not anybody asks: rescue, expiry, letting go, backup, room on the disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler  # pyright: ignore[reportMissingTypeStubs]

from storage.backups import back_up_if_due
from storage.ballast import Ballast
from storage.clock import Clock
from storage.database import BACKUP_FOLDER, Database
from storage.keeping import SCRUB_AGE_MS, scrub, sweep
from storage.media import Media
from storage.settings import RetentionSettings, Settings
from storage.store import Store

RECLAIM_S = 5
PAUSE_S = 5
EXPIRE_S = 60
SWEEP_S = 3_600
BACKUP_CHECK_S = 1_800
SCRUB_S = 60
BALLAST_S = 5
"""A full disk is met within a lease, so that the engine can still give its film back."""

log = logging.getLogger(__name__)


@contextmanager
def upkeep(store: Store, database: Database, media: Media, clock: Clock, settings: Settings) -> Generator[None]:
    """Run every chore on its rhythm until the block ends. A chore that fails is logged and comes again."""
    folder, kept, data = settings.data.folder, settings.retention, settings.data
    ballast = Ballast(folder, size_bytes=data.ballast_bytes, free_bytes_min=data.free_bytes_min)
    chores: dict[Callable[[], Awaitable[object]], int] = {
        store.reclaim: RECLAIM_S,
        store.end_pause: PAUSE_S,
        store.expire: EXPIRE_S,
        partial(tend_ballast, ballast, store, media, clock, kept): BALLAST_S,
        partial(let_go, store, media, clock, kept): SWEEP_S,
        partial(scrub, store, database, media, folder, clock): SCRUB_S,
        partial(back_up_if_due, database, folder / BACKUP_FOLDER, clock, keep=kept.backups): BACKUP_CHECK_S,
    }
    scheduler: Any = AsyncIOScheduler(
        timezone=UTC,
        # After a suspend one late run stands for all that were missed.
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    now = datetime.now(UTC)
    for chore, seconds in chores.items():
        scheduler.add_job(chore, "interval", seconds=seconds, next_run_time=now)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)


async def let_go(store: Store, media: Media, clock: Clock, kept: RetentionSettings) -> None:
    """Rows of what was kept for long enough, then files that no row names."""
    requests = await store.purge(kept)
    files = await sweep(store, media, clock)
    if requests or files:
        log.info("let go", extra={"requests": requests, "files": files})


async def tend_ballast(ballast: Ballast, store: Store, media: Media, clock: Clock, kept: RetentionSettings) -> None:
    """Keep room for hard times; when they have come, make more of it at once."""
    if await asyncio.to_thread(ballast.tend):
        await store.purge(kept)
        files = await sweep(store, media, clock, age_ms=SCRUB_AGE_MS)
        log.warning("room was made on the full disk", extra={"files": files})
