"""Cut short: tasks cancelled at every statement, processes killed between statements and at commits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from storagekit import workload
from storagekit.clock import ManualClock
from storagekit.films import MIA, begin, draw_all, film, wish
from storagekit.homes import Home

from storage.database import Database
from storage.errors import StaleClaim
from storage.invariants import violations
from storage.jobs import Job, JobState
from storage.settings import QueueSettings, QuotaSettings
from storage.store import Store


@contextmanager
def at_statement(number: int, do: Callable[[], object]) -> Generator[list[int]]:
    """Do something when the statement of that number begins. Gives the number of statements seen so far."""
    seen = [0]

    def tick(*_: Any) -> None:
        seen[0] += 1
        if seen[0] == number:
            do()

    event.listen(Engine, "before_cursor_execute", tick)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", tick)


async def cut_at_every_statement(
    database: Database, prepare: Callable[[int], Awaitable[Callable[[], Awaitable[object]]]]
) -> AsyncIterator[int]:
    """Cancel a call at its 1st, 2nd, … statement, until it outlives that. Each time the transaction has ended."""
    loop = asyncio.get_running_loop()
    for number in range(1, 100):
        task = asyncio.ensure_future((await prepare(number))())
        # Statements run in a thread.
        with at_statement(number, partial(loop.call_soon_threadsafe, task.cancel)) as seen:
            await asyncio.wait([task])
            # Writes take turns: after this one, the transaction that was cut is over.
            async with asyncio.timeout(5):
                await database.write(lambda _: None)
        yield number
        if seen[0] < number:
            return
    raise AssertionError("never finished")


async def test_submit_cut_anywhere_can_be_delivered_again(store: Store, database: Database) -> None:
    async def prepare(number: int) -> Callable[[], Awaitable[object]]:
        return lambda: store.submit(wish(str(number)))

    async for number in cut_at_every_statement(database, prepare):
        status = await store.submit(wish(str(number)))
        assert (await store.allowance(MIA, "guild")).left_ms == 120_000 - 2400
        await store.cancel(status.request_id, by=MIA)
        assert len(await store.history(MIA, limit=99)) == number
        assert await violations(database, None) == []
    assert number > 12


async def test_claim_cut_anywhere_is_found_by_the_supervisor(database: Database, clock: ManualClock) -> None:
    store = Store(database, clock=clock, queue=QueueSettings(tries_max=99), quota=QuotaSettings())
    await store.submit(wish("a"))

    async def prepare(_number: int) -> Callable[[], Awaitable[object]]:
        return lambda: store.claim("card-0")

    cuts = 0
    async for cuts in cut_at_every_statement(database, prepare):
        assert await store.engine_died("card-0") == 1, cuts
        assert (await store.status(1)).state is JobState.QUEUED
        assert await violations(database, None) == []
    assert cuts > 6


async def test_complete_cut_anywhere_settles_once(store: Store, database: Database) -> None:
    job: Job

    async def prepare(number: int) -> Callable[[], Awaitable[object]]:
        nonlocal job
        await store.submit(wish(str(number), duration_ms=1200))
        job = await begin(store)
        await draw_all(store, job)
        return lambda: store.complete(job.claim, film(number))

    async for number in cut_at_every_statement(database, prepare):
        # The worker may try again, and learns that it is done.
        with pytest.raises(StaleClaim):
            await store.complete(job.claim, film(number))
        status = await store.status(number)
        assert (status.state, status.charged_ms) == (JobState.DONE, 1200)
        assert await violations(database, None) == []
    assert number > 10


async def test_killed_processes_leave_every_promise_whole(home: Home) -> None:
    """One after another on one database: each goes on with what the one before it left behind."""
    said: list[list[str]] = []
    for die_at in (9, 40, 75, 110, 150):
        process = await workload.start("live", *home.arguments(), str(die_at))
        words = (await process.communicate())[0].decode()
        assert process.returncode != 0
        said += [line.split() for line in words.splitlines()]
        async with await home.open() as database:
            assert await violations(database, None) == []
            store = workload.open_store(database)
            for word, number in said:
                status = await store.status(int(number))
                assert status.state.terminal or word == "accepted"
    assert {word for word, _ in said} == {"accepted", "ended"}
