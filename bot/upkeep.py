"""What must happen now and then whether or not anybody asks: rescue, expiry, letting go, backup, room on the disk.

APScheduler starts the jobs, in intervals that no setting of the wall clock changes (`bot.steady_scheduler`); one run
makes up for those that a busy machine missed. What is judged by its age waits for some hours after the wall
clock was set.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from bot.steady_scheduler import Every, SteadyScheduler
from bot.wall_clock import WallClock
from storage.backups import back_up_if_due
from storage.ballast import Ballast
from storage.clock import Clock
from storage.database import BACKUP_FOLDER, Database
from storage.errors import DatabaseTrouble
from storage.keeping import SCRUB_AGE_MS, Deleted, scrub, sweep
from storage.media import Media
from storage.outage import Repeats
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
TRUST_MS = 6 * 3_600_000
"""A wall clock that was set counts again after so long: until then nothing expires and nothing is let go by its age."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Chore:
    """Something to do, again and again."""

    name: str
    do: Callable[[], Awaitable[object]]
    every_s: float
    """From one start to the next; a start is left out while the run before it is under way."""
    runs: int = 0
    """That ended without an error."""
    _failures: Repeats = field(default_factory=Repeats)

    _running: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Do it once. A failure is logged, and the next run tries again."""
        self._running = asyncio.current_task()
        try:
            await self.do()
        except asyncio.CancelledError:
            # Only the end of `upkeep` cancels a run. Raised, APScheduler would log it as a failure.
            log.debug("a chore was cancelled", extra={"chore": self.name})
        except DatabaseTrouble:
            log.debug("a chore waits for the database", extra={"chore": self.name})
        except Exception:
            if self._failures.again():
                log.exception("a chore failed", extra={"chore": self.name, "times": self._failures.count})
        else:
            self.runs += 1
            self._failures.over()

    async def end(self) -> None:
        """Cancel the run under way, if any, and wait until it has let go of the store."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)


@asynccontextmanager
async def upkeep(
    store: Store, database: Database, media: Media, clock: Clock, settings: Settings
) -> AsyncGenerator[Sequence[Chore]]:
    """Run every chore in its interval until the block ends, each for the first time at once."""
    chores = _chores(store, database, media, clock, settings)
    scheduler = SteadyScheduler()
    for chore in chores:
        scheduler.add(chore.run, Every(chore.every_s), name=chore.name)
    scheduler.start()
    try:
        yield chores
    finally:
        scheduler.clear()
        # A run that was submitted just now begins, so that it can be ended: the library logs others as failures.
        await asyncio.sleep(0)
        await asyncio.gather(*(chore.end() for chore in chores))
        scheduler.shutdown(wait=False)


def _chores(store: Store, database: Database, media: Media, clock: Clock, settings: Settings) -> Sequence[Chore]:
    folder, kept, data = settings.data.folder, settings.retention, settings.data
    ballast = Ballast(folder, size_bytes=data.ballast_bytes, free_bytes_min=data.free_bytes_min)
    wall = WallClock(clock)

    def trusting(do: Callable[[], Awaitable[object]], ms: int = TRUST_MS) -> Callable[[], Awaitable[object]]:
        async def unless_set() -> object:
            return await do() if wall.untouched_for(ms) else None

        return unless_set

    back_up = partial(back_up_if_due, database, folder / BACKUP_FOLDER, clock, keep=kept.backups)
    return (
        Chore("reclaim", partial(reclaim, store, database, settings.queue.lease_s), RECLAIM_S),
        Chore("end pauses", store.end_pause, PAUSE_S),
        Chore("expire", trusting(store.expire), EXPIRE_S),
        Chore("ballast", partial(tend_ballast, ballast, store, media, clock, kept, wall), BALLAST_S),
        Chore("let go", trusting(partial(let_go, store, media, clock, kept)), SWEEP_S),
        # Its files are judged by an age of a minute: more than that ago they were written before the clock was set.
        Chore("scrub", trusting(partial(scrub, store, database, media, folder, clock), 2 * SCRUB_AGE_MS), SCRUB_S),
        Chore("deleted", trusting(Deleted(store, media, clock).sweep, 2 * SCRUB_AGE_MS), Deleted.PERIOD_S),
        Chore("backup", back_up, BACKUP_CHECK_S),
    )


async def reclaim(store: Store, database: Database, lease_s: float) -> None:
    """Take films from engines whose lease has ended; not right after an outage, in which nobody could keep one."""
    if database.outage.over_for_s() >= lease_s:
        await store.reclaim()
    else:
        # Learns whether the outage is over.
        await store.paused()


async def let_go(store: Store, media: Media, clock: Clock, kept: RetentionSettings) -> None:
    """Rows of what was kept for long enough, then files that no row names."""
    requests = await store.purge(kept)
    files = await sweep(store, media, clock)
    if requests or files:
        log.info("let go", extra={"requests": requests, "files": files})


async def tend_ballast(
    ballast: Ballast, store: Store, media: Media, clock: Clock, kept: RetentionSettings, wall: WallClock
) -> None:
    """Keep room for hard times; when they have come, make more of it at once."""
    if not await asyncio.to_thread(ballast.tend) or not wall.untouched_for(TRUST_MS):
        return
    await store.purge(kept)
    files = await sweep(store, media, clock, age_ms=SCRUB_AGE_MS)
    log.warning("room was made on the full disk", extra={"files": files})
