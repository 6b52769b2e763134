"""A wall clock that is set by days and years, back and forth, while the bot runs."""

from __future__ import annotations

import ast
import asyncio
import os
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from botkit.house import MIA, Bench, bench

from bot import upkeep as chores_module
from bot.steady_scheduler import Every, SteadyScheduler
from bot.upkeep import upkeep
from bot.wall_clock import STEP_MS, WallClock
from storage.backups import BACKUP_EVERY_S, BACKUPS_KEPT, back_up_if_due, daily
from storage.jobs import JobState
from storage.keeping import SCRUB_AGE_MS, Deleted, scrub, sweep
from storage.settings import DataSettings, Settings

DAY_MS = 86_400_000
YEARS_MS = 3_652 * DAY_MS
STEPS_MS = [DAY_MS, -DAY_MS, 1000 * DAY_MS, -1000 * DAY_MS, -1000 * DAY_MS, 1000 * DAY_MS, YEARS_MS, -YEARS_MS]
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every chore many times a second."""
    for name in ("RECLAIM_S", "PAUSE_S", "EXPIRE_S", "SWEEP_S", "BACKUP_CHECK_S", "SCRUB_S", "BALLAST_S"):
        monkeypatch.setattr(chores_module, name, 0.01)
    monkeypatch.setattr(Deleted, "PERIOD_S", 0.01)


async def test_every_chore_goes_on_and_no_step_holds_the_loop_up(
    room: Bench, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wall(datetime):
        """What APScheduler reads: the machine's own clock cannot be set for one process."""

        step = timedelta()

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + cls.step

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Wall)
    settings = Settings(data=DataSettings(folder=room.folder, ballast_bytes=0, free_bytes_min=0))
    async with upkeep(room.store, room.database, room.media, room.clock, settings) as chores:
        for step_ms in STEPS_MS:
            room.clock.ms += step_ms
            Wall.step += timedelta(milliseconds=step_ms)
            before = [chore.runs for chore in chores]
            async with asyncio.timeout(20):
                while any(chore.runs < runs + 2 for chore, runs in zip(chores, before, strict=True)):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)


@pytest.mark.parametrize("step_ms", [1000 * DAY_MS, -1000 * DAY_MS])
@pytest.mark.parametrize("reading", [1, 2, 3, 4])
async def test_a_clock_that_is_set_between_two_readings_of_one_look_stops_no_job(
    monkeypatch: pytest.MonkeyPatch, reading: int, step_ms: int
) -> None:
    class Wall(datetime):
        """Set just before its n-th reading from now on."""

        left = 0

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            cls.left -= 1
            return datetime.now(tz) + timedelta(milliseconds=step_ms if cls.left <= 0 else 0)

    Wall.left = 1_000_000
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Wall)
    monkeypatch.setattr("bot.steady_scheduler.LOOK_S_MAX", 0.05)
    runs: list[int] = []

    async def job() -> None:
        runs.append(0)
        if len(runs) == 2:
            # The look that started this run is over: the readings of the next one are counted.
            Wall.left = reading

    scheduler = SteadyScheduler()
    scheduler.add(job, Every(0.01), name="job")
    scheduler.start()
    try:
        async with asyncio.timeout(10):
            while len(runs) < 6:  # noqa: ASYNC110 - a job has no event
                await asyncio.sleep(0.01)
    finally:
        scheduler.shutdown(wait=False)


def test_nothing_that_waits_is_built_on_the_wall_clock() -> None:
    """Wall time comes from `Clock` alone, so that every use of it can be found; waits are counted on the monotonic one.

    Exempt: the clock itself, a report's own moment, which nobody compares, notes whose number is bounded too, and the
    scheduler, which reads what its library reads.
    """
    exempt = {"storage/clock.py", "engine/draw.py", "bot/notes.py", "bot/steady_scheduler.py"}
    wall = ("datetime.now", "datetime.utcnow", "time.time", "time.time_ns", "date.today")
    found: list[str] = []
    for room in ("bot", "engine", "storage"):
        for path in (ROOT / room).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if name not in exempt and isinstance(node, ast.Attribute):
                    used = ast.unparse(node)
                    if used in wall or used.endswith(tuple(f".{name}" for name in wall)):
                        found.append(f"{name}:{node.lineno} {used}")
    assert found == []


async def test_what_waits_does_not_expire_and_what_is_kept_does_not_go_when_the_clock_is_set_forward(
    room: Bench, quick: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept = await room.submit()
    await room.draw_next()
    await room.store.outbox_sent(kept.request_id, 3)
    waiting = await room.submit()
    settings = Settings(data=DataSettings(folder=room.folder, ballast_bytes=0, free_bytes_min=0))
    async with upkeep(room.store, room.database, room.media, room.clock, settings) as chores:
        room.clock.ms += 1000 * DAY_MS
        async with asyncio.timeout(20):
            while any(chore.runs < 5 for chore in chores):  # noqa: ASYNC110 - a chore has no event
                await asyncio.sleep(0.01)
        assert (await room.store.status(waiting.request_id)).state is JobState.QUEUED
        assert not (await room.store.status(kept.request_id)).purged
        assert caplog.text.count("the wall clock was set") == 1
        # A clock that stays where it was set is believed in the end.
        monkeypatch.setattr(chores_module, "TRUST_MS", 0)
    async with (
        upkeep(room.store, room.database, room.media, room.clock, settings),
        asyncio.timeout(20),
    ):
        while (await room.store.status(waiting.request_id)).state is not JobState.EXPIRED:
            await room.store.changed(timeout_s=1)


def test_only_a_step_counts_and_only_for_a_while() -> None:
    class Hands:
        ms = 0

        def now_ms(self) -> int:
            return self.ms

    hands, elapsed = Hands(), [0]
    wall = WallClock(hands, elapsed_ms=lambda: elapsed[0])  # type: ignore[arg-type]
    # Slow, fast, and asleep together: nobody set it.
    for wall_ms, passed_ms in ((60_000, 61_000), (STEP_MS, STEP_MS // 2), (3 * DAY_MS, 3 * DAY_MS)):
        hands.ms += wall_ms
        elapsed[0] += passed_ms
        assert wall.untouched_for(DAY_MS)
    for step_ms in (-DAY_MS, DAY_MS):
        hands.ms += step_ms
        assert not wall.untouched_for(1000)
        hands.ms += 1000
        elapsed[0] += 1000
        assert wall.untouched_for(1000)
        assert not wall.untouched_for(1001)


async def test_an_erased_person_is_scrubbed_though_the_clock_is_set_back(room: Bench) -> None:
    status = await room.submit()
    picture = room.media.path(status.params.picture)
    os.utime(picture, (room.clock.ms / 1000, room.clock.ms / 1000))
    await room.store.erase(MIA)
    room.clock.ms -= 1000 * DAY_MS
    for _ in range(2):
        assert await scrub(room.store, room.database, room.media, room.folder, room.clock) is not None
        room.clock.ms += SCRUB_AGE_MS + 1000
    assert await room.store.unscrubbed() == []
    assert not picture.exists()


async def test_a_pause_lasts_no_longer_than_the_owner_said_though_the_clock_is_set_back(room: Bench) -> None:
    await room.store.pause(for_ms=3_600_000)
    room.clock.ms -= 1000 * DAY_MS
    assert not await room.store.end_pause()
    assert await room.store.paused() is not None
    room.clock.ms += 3_600_000
    assert await room.store.end_pause()
    assert await room.store.paused() is None


async def test_backups_of_a_time_that_never_came_go_first(room: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    room.clock.ms += 1000 * DAY_MS
    for _ in range(BACKUPS_KEPT):
        assert await back_up_if_due(room.database, folder, room.clock)
        room.clock.ms += BACKUP_EVERY_S * 1000
    room.clock.ms -= 1000 * DAY_MS + BACKUPS_KEPT * BACKUP_EVERY_S * 1000
    made = await back_up_if_due(room.database, folder, room.clock)
    assert made in daily(folder)
    assert len(daily(folder)) == BACKUPS_KEPT
    # And it counts: the next one is due in a day.
    assert await back_up_if_due(room.database, folder, room.clock) is None


async def test_a_file_of_the_future_is_swept_in_its_time(room: Bench) -> None:
    orphan = room.media.path(room.media.put_bytes(b"nobody's", ".gif"))
    later_s = room.clock.ms / 1000 + 1000 * 86_400
    os.utime(orphan, (later_s, later_s))
    assert await sweep(room.store, room.media, room.clock, age_ms=SCRUB_AGE_MS) == 0
    room.clock.ms += SCRUB_AGE_MS + 1000
    assert await sweep(room.store, room.media, room.clock, age_ms=SCRUB_AGE_MS) == 1
