"""Files of a deleted film: gone within a minute, while files that wait for their rows stay."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from botkit.house import MIA, Bench, bench

from storage.jobs import Blob, JobState, Status
from storage.keeping import DELETED_AGE_MS, Deleted


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path / "data") as opened:
        yield opened


def written(room: Bench, blob: Blob, *, ago_ms: int) -> None:
    """As if it had been put so long ago."""
    at_s = (room.clock.now_ms() - ago_ms) / 1000
    os.utime(room.media.path(blob), (at_s, at_s))


def blobs(status: Status) -> list[Blob]:
    result = status.result
    assert result is not None
    assert result.gif is not None
    return [status.params.picture, result.film, result.gif, result.poster]


async def minute(room: Bench, deleted: Deleted) -> None:
    """What the chore does in one."""
    for _ in range(60 // Deleted.PERIOD_S):
        await deleted.sweep()
        room.clock.ms += 1000 * Deleted.PERIOD_S  # type: ignore[attr-defined]


@pytest.mark.parametrize("age_ms", [0, 1, DELETED_AGE_MS - 1, 5 * 3_600_000])
async def test_a_deleted_films_files_are_gone_within_a_minute(room: Bench, age_ms: int) -> None:
    await room.submit()
    status = await room.draw_next()
    assert status.state is JobState.DONE
    deleted = Deleted(room.store, room.media, room.clock)
    await minute(room, deleted)
    mine, waiting = blobs(status), room.media.put_bytes(b"a film that waits for its row", ".mp4")
    for blob in mine:
        written(room, blob, ago_ms=age_ms)
    await room.store.let_go(status.request_id, by=MIA)
    for _ in range(60 // Deleted.PERIOD_S):
        # Whoever waits longer for a row spares the file meanwhile, as the engine does.
        written(room, waiting, ago_ms=0)
        await deleted.sweep()
        room.clock.ms += 1000 * Deleted.PERIOD_S  # type: ignore[attr-defined]
    assert [blob.suffix for blob in mine if room.media.path(blob).exists()] == []
    assert room.media.verify(waiting)


async def test_what_a_bot_that_was_killed_has_left_goes_at_the_next_start(room: Bench) -> None:
    await room.submit()
    status = await room.draw_next()
    for blob in blobs(status):
        written(room, blob, ago_ms=60_000)
    await room.store.let_go(status.request_id, by=MIA)
    await Deleted(room.store, room.media, room.clock).sweep()
    assert [blob for blob in blobs(status) if room.media.path(blob).exists()] == []


async def test_nothing_is_searched_where_nothing_was_deleted(room: Bench) -> None:
    deleted = Deleted(room.store, room.media, room.clock)
    await minute(room, deleted)
    nobodys = room.media.put_bytes(b"nobody names it", ".png")
    written(room, nobodys, ago_ms=3_600_000)
    await minute(room, deleted)
    # It is the hourly sweep's.
    assert room.media.verify(nobodys)
