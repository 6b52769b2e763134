"""Waking: commits of any process are noticed by everybody who waits, and nobody is woken for nothing for ever."""

from __future__ import annotations

import asyncio
import time

from storagekit.films import LEO, begin, wish
from storagekit.homes import Home

from storage.jobs import Job
from storage.store import Store


async def settle(store: Store) -> None:
    """Take the news that are there."""
    while await store.changed(timeout_s=0):
        pass


async def test_own_commit_wakes_at_once(store: Store) -> None:
    await settle(store)
    waiter = asyncio.create_task(store.changed(timeout_s=30))
    await asyncio.sleep(0)
    began = time.monotonic()
    await store.submit(wish("a"))
    assert await waiter
    assert time.monotonic() - began < 5


async def test_commit_of_another_connection_wakes(store: Store, home: Home) -> None:
    async with await home.open() as other:
        await settle(store)
        waiter = asyncio.create_task(store.changed(timeout_s=30))
        await other.write(lambda db: db.exec_driver_sql("UPDATE queue SET virtual_ms = 1"))
        assert await waiter


async def test_quiet_database_wakes_nobody(store: Store) -> None:
    await settle(store)
    assert not await store.changed(timeout_s=0.3)


async def test_reading_and_claiming_nothing_is_no_change(store: Store) -> None:
    await settle(store)
    await store.queue()
    assert await store.claim("card-0") is None
    assert not await store.changed(timeout_s=0.3)


async def test_change_between_looking_and_waiting_is_not_missed(store: Store, home: Home) -> None:
    async with await home.open() as other:
        await settle(store)
        assert await store.claim("card-0") is None
        await other.write(lambda db: db.exec_driver_sql("UPDATE queue SET virtual_ms = 1"))
        # Even where the waiting is done in a task of its own, as with wait_for.
        assert await asyncio.create_task(store.changed(timeout_s=0))


async def test_claim_loop_that_waits_in_new_tasks_does_not_spin(store: Store) -> None:
    looks = 0

    async def work() -> Job:
        nonlocal looks
        while (job := await store.claim("card-0")) is None:
            looks += 1
            await asyncio.create_task(store.changed(timeout_s=30))
        return job

    worker = asyncio.create_task(work())
    assert not await asyncio.create_task(_quiet_for(store, 0.4))
    await store.submit(wish("a"))
    assert (await worker).claim.request_id == 1
    assert looks <= 4


async def _quiet_for(store: Store, seconds: float) -> bool:
    await settle(store)
    return await store.changed(timeout_s=seconds)


async def test_every_waiter_learns_of_a_change(store: Store) -> None:
    async def wait() -> bool:
        await settle(store)
        ready.release()
        return await store.changed(timeout_s=30)

    ready = asyncio.Semaphore(0)
    waiters = [asyncio.create_task(wait()) for _ in range(5)]
    for _ in waiters:
        await ready.acquire()
    await store.submit(wish("a"))
    assert await asyncio.gather(*waiters) == [True] * 5


async def test_worker_that_waits_is_handed_a_new_request(store: Store) -> None:
    await store.submit(wish("a"))
    await begin(store)
    await settle(store)
    waiter = asyncio.create_task(store.changed(timeout_s=30))
    await store.submit(wish("b", member=LEO))
    assert await waiter
    assert (await begin(store)).claim.request_id == 2
