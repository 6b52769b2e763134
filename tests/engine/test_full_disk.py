"""A full disk is nobody's fault: the film goes back without a try, and the engine waits for room."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from storagekit.films import drawn, film, wish
from storagekit.homes import Home

from engine import worker as worker_module
from engine.link import Link
from engine.worker import Worker
from storage import outage
from storage.clock import SystemClock
from storage.errors import DatabaseAway, DatabaseBusy, DiskFull, FilmFailed
from storage.invariants import violations
from storage.jobs import Blob, Job, JobState, Result
from storage.keeping import SCRUB_AGE_MS, sweep
from storage.media import Media
from storage.settings import QueueSettings, QuotaSettings
from storage.store import Store

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Pen:
    """Draws without a network; the first films end as told."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.tidied: list[int] = []

    def draw(self, job: Job, link: Link, keep_section: Callable[..., None]) -> Result:
        for index in range(len(job.sections), 2):
            if self.failures and index == 1:
                raise self.failures.pop(0)
            keep_section(drawn(job, index))
        return film(job.claim.request_id)

    def open_films(self) -> list[int]:
        return []

    def tidy(self, request_id: int) -> None:
        self.tidied.append(request_id)


@pytest.fixture
async def store(home: Home, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    monkeypatch.setattr(worker_module, "ROOM_WAIT_S_MIN", 0.01)
    monkeypatch.setattr(outage, "WAIT_S_MIN", 0.01)
    async with await home.open() as database:
        yield Store(database, clock=SystemClock(), queue=QueueSettings(), quota=QuotaSettings())
        assert await violations(database, None) == []


async def end_of(
    store: Store,
    pen: Pen,
    has_room: Callable[[], bool] = lambda: True,
    spare: Callable[[Blob], object] = lambda _: None,
) -> tuple[JobState, list[int]]:
    """How a request ends, and the number of tries that its attempts have cost."""
    request_id = (await store.submit(wish("1"))).request_id
    stop = asyncio.Event()
    worker = Worker(
        name="pen",
        store=store,
        studio=pen,
        lease_s=60,
        stall_s=600,
        progress_interval_s=1,
        has_room=has_room,
        spare=spare,
    )
    serving = asyncio.create_task(worker.serve(stop))
    async with asyncio.timeout(60):
        while not (await store.status(request_id)).state.terminal:
            await store.changed(timeout_s=1)
            assert not serving.done(), serving.exception()
        stop.set()
        await serving
    return (await store.status(request_id)).state, pen.tidied


@pytest.mark.parametrize(
    "failure",
    [
        FULL,
        DiskFull(),
        pytest.param(FilmFailed("no room", code="segments"), id="wrapped"),
    ],
)
async def test_a_film_survives_more_full_disks_than_it_has_tries(
    store: Store, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    if isinstance(failure, FilmFailed):
        failure.__cause__ = FULL
    assert await end_of(store, Pen(failure, failure, failure)) == (JobState.DONE, [1])
    assert caplog.text.count("film given back") == 3
    assert "no film is drawn until there is room" in caplog.text


async def test_nothing_is_claimed_until_there_is_room(store: Store) -> None:
    asked: list[bool] = [False, False, True]
    seen: list[JobState] = []
    loop = asyncio.get_running_loop()

    def has_room() -> bool:
        status = asyncio.run_coroutine_threadsafe(store.status(1), loop).result()
        seen.append(status.state)
        return asked.pop(0)

    assert await end_of(store, Pen(FULL), has_room) == (JobState.DONE, [1])
    assert seen == [JobState.QUEUED] * 3


@pytest.mark.parametrize("transition", ["complete", "release", "claim"])
async def test_a_write_without_room_is_tried_until_there_is(
    store: Store, transition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, refusals = getattr(store, transition), [FULL, FULL]

    async def sometimes(*arguments: object) -> object:
        if refusals:
            raise refusals.pop()
        return await whole(*arguments)

    monkeypatch.setattr(store, transition, sometimes)
    assert await end_of(store, Pen(FULL)) == (JobState.DONE, [1])
    assert refusals == []


@pytest.mark.parametrize("refusal", [FULL, DatabaseBusy(), DatabaseAway()], ids=["full", "busy", "away"])
async def test_a_film_that_waits_for_its_row_is_nobodys_to_sweep(
    store: Store, tmp_path: Path, refusal: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full for hours, and what no row names is removed to make room."""
    media, complete, tries = Media(tmp_path), store.complete, []

    class Painter(Pen):
        def draw(self, job: Job, link: Link, keep_section: Callable[..., None]) -> Result:
            made = media.put_bytes(b"a film", ".mp4"), media.put_bytes(b"a poster", ".jpg")
            return replace(super().draw(job, link, keep_section), film=made[0], gif=None, poster=made[1])

    async def late(*arguments: object) -> object:
        tries.append(1)
        if len(tries) == 1:
            for path in media.orphans(set()):
                os.utime(path, (0, 0))
            raise refusal
        await sweep(store, media, SystemClock(), age_ms=SCRUB_AGE_MS)
        return await complete(*arguments)

    monkeypatch.setattr(store, "complete", late)
    assert await end_of(store, Painter(), spare=media.spare) == (JobState.DONE, [1])
    result = (await store.status(1)).result
    assert result is not None
    assert media.verify(result.film)
    assert media.verify(result.poster)


async def test_any_other_error_still_ends_the_film(store: Store) -> None:
    assert (await end_of(store, Pen(OSError(errno.EIO, "Input/output error"))))[0] is JobState.FAILED
    assert (await store.status(1)).failure.code == "engine_error"


async def test_what_is_left_of_an_erased_persons_film_is_tidied_at_once(store: Store) -> None:
    loop = asyncio.get_running_loop()

    class Slow(Pen):
        def draw(self, job: Job, link: Link, keep_section: Callable[..., None]) -> Result:
            asyncio.run_coroutine_threadsafe(store.erase(wish("1").member), loop).result()
            return super().draw(job, link, keep_section)

    assert await end_of(store, Slow()) == (JobState.CANCELLED, [1])
