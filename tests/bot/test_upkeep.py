from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botkit.house import MIA, Bench, bench

from bot.upkeep import tend_ballast, upkeep
from bot.wall_clock import WallClock
from storage.backups import BACKUP_EVERY_S, BACKUPS_KEPT, back_up_if_due
from storage.ballast import Ballast
from storage.jobs import JobState
from storage.keeping import SCRUB_AGE_MS, SWEEP_AGE_MS, sweep
from storage.settings import DataSettings, RetentionSettings, Settings


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path / "data") as opened:
        yield opened


async def test_a_dead_engines_film_returns_and_an_old_wish_expires_without_anybody_asking(
    room: Bench,
) -> None:
    held = await room.submit()
    await room.start()
    waiting = await room.submit()
    room.clock.ms += 50 * 3_600_000
    backups = room.folder / "backups"
    settings = Settings(data=DataSettings(folder=room.folder, ballast_bytes=1000, free_bytes_min=0))
    async with upkeep(room.store, room.database, room.media, room.clock, settings):
        async with asyncio.timeout(20):
            while await state(room, waiting.request_id) is not JobState.EXPIRED:
                await room.store.changed(timeout_s=1)
            while await state(room, held.request_id) is JobState.RUNNING:
                await room.store.changed(timeout_s=1)
            while not list(backups.glob("daily-*.db")):  # noqa: ASYNC110 - SQLite writes it in a thread
                await asyncio.sleep(0.01)
            while not (room.folder / "ballast").exists():  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.01)


async def test_what_was_kept_for_long_enough_goes_with_its_files_and_without_anybody_asking(room: Bench) -> None:
    status = await room.submit()
    await room.store.cancel(status.request_id, by=MIA)
    await room.store.outbox_sent(status.request_id, 2)
    room.clock.ms = room.media.path(status.params.picture).stat().st_mtime_ns // 1_000_000 + 25 * 3_600_000
    settings = Settings(data=DataSettings(folder=room.folder, ballast_bytes=0))
    async with upkeep(room.store, room.database, room.media, room.clock, settings):
        async with asyncio.timeout(20):
            while not (await room.store.status(status.request_id)).purged:
                await room.store.changed(timeout_s=1)
            while room.media.path(status.params.picture).exists():  # noqa: ASYNC110 - removed in a thread
                await asyncio.sleep(0.01)


async def test_an_erased_person_is_scrubbed_without_anybody_asking(room: Bench) -> None:
    await room.submit()
    await room.store.erase(MIA)
    room.clock.ms += SCRUB_AGE_MS
    settings = Settings(data=DataSettings(folder=room.folder, ballast_bytes=0))
    async with upkeep(room.store, room.database, room.media, room.clock, settings):
        async with asyncio.timeout(20):
            while await room.store.unscrubbed():
                await room.store.changed(timeout_s=1)


async def test_a_full_disk_costs_the_ballast_and_what_nobody_needs(
    room: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    orphan = room.media.path(room.media.put_bytes(b"a preview of a minute ago", ".gif"))
    room.clock.ms = orphan.stat().st_mtime_ns // 1_000_000 + SCRUB_AGE_MS + 1
    ballast = Ballast(room.folder, size_bytes=1000, free_bytes_min=0)
    ballast.tend()
    assert ballast.kept
    monkeypatch.setattr("shutil.disk_usage", lambda _path: shutil._ntuple_diskusage(10**9, 10**9, 0))
    await tend_ballast(ballast, room.store, room.media, room.clock, RetentionSettings(), WallClock(room.clock))
    assert not ballast.kept
    assert not orphan.exists()
    assert "the disk is full" in caplog.text


async def state(room: Bench, request_id: int) -> JobState:
    return (await room.store.status(request_id)).state


async def test_a_backup_is_due_once_a_day_also_across_restarts(room: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    await room.submit()
    first = await back_up_if_due(room.database, folder, room.clock)
    assert first is not None
    assert first.stem == f"daily-{datetime.fromtimestamp(room.clock.ms / 1000, UTC):%Y%m%dT%H%M%SZ}"
    with sqlite3.connect(first) as copy:
        assert copy.execute("SELECT count(*) FROM request").fetchone() == (1,)
    copy.close()
    room.clock.ms += (BACKUP_EVERY_S - 1) * 1000
    assert await back_up_if_due(room.database, folder, room.clock) is None
    room.clock.ms += 1000
    assert await back_up_if_due(room.database, folder, room.clock) is not None


async def test_the_newest_backups_are_kept_and_other_files_left_alone(room: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    foreign = [folder / "before-migration.db", folder / "daily-mine.db"]
    for path in foreign:
        path.touch()
    made: list[Path | None] = []
    for _ in range(BACKUPS_KEPT + 2):
        made.append(await back_up_if_due(room.database, folder, room.clock))
        room.clock.ms += BACKUP_EVERY_S * 1000
    assert sorted(folder.glob("daily-2*.db")) == made[2:]
    assert all(path.exists() for path in foreign)


async def test_a_sweep_removes_files_that_no_row_names_and_only_old_ones(room: Bench) -> None:
    status = await room.submit()
    await room.draw_next()
    before = set(room.folder.glob("[0-9a-f][0-9a-f]/*"))
    orphan = room.media.path(room.media.put_bytes(b"a preview of yesterday", ".gif"))
    room.clock.ms = orphan.stat().st_mtime_ns // 1_000_000 + SWEEP_AGE_MS - 60_000
    assert await sweep(room.store, room.media, room.clock) == 0
    room.clock.ms += 120_000
    assert await sweep(room.store, room.media, room.clock) == 1
    assert not orphan.exists()
    assert set(room.folder.glob("[0-9a-f][0-9a-f]/*")) == before
    assert room.media.verify(status.params.picture)
