"""Several at once: claimers in two processes, redeliveries in parallel, a member's cancel against everything."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from storagekit import workload
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, begin, draw_all, drawn, film, finish, report, wish
from storagekit.homes import Home

from storage.database import Database
from storage.dispatch.embedded import EmbeddedDispatch
from storage.errors import StaleClaim
from storage.jobs import JobState, Status
from storage.settings import QueueSettings, QuotaSettings
from storage.store import Store
from storage.store.members import submit
from storage.store.transitions import Terms


async def test_two_processes_claim_each_of_200_requests_exactly_once(database: Database, home: Home) -> None:
    terms = Terms(
        clock=ManualClock(),
        queue=workload.LONG_QUEUE,
        quota=workload.GENEROUS,
        dispatch=EmbeddedDispatch(database),
    )
    wishes = [wish(str(number), member=(MIA, LEO)[number % 2], duration_ms=1200) for number in range(200)]
    await database.write(lambda db: [submit(db, terms, it) for it in wishes])
    claimers = [await workload.start("claim", *home.arguments(), f"card-{number}", "1000") for number in range(2)]
    claimed = [(await claimer.communicate())[0].split() for claimer in claimers]
    assert [claimer.returncode for claimer in claimers] == [0, 0]
    assert Counter(int(number) for side in claimed for number in side) == Counter(range(1, 201))


@pytest.fixture
async def two_stores(home: Home, clock: ManualClock, database: Database) -> AsyncIterator[tuple[Store, Store]]:
    """Each with connections and a writer of its own, as two processes have them."""
    queue = QueueSettings(running_per_member_max=5)
    async with await home.open() as other:
        first, second = (Store(it, clock=clock, queue=queue, quota=QuotaSettings()) for it in (database, other))
        yield first, second


async def test_update_delivered_to_two_connections_at_once_is_one_request(two_stores: tuple[Store, Store]) -> None:
    """A member never seen before: person, identity, account and request all collide."""
    for number in range(20):
        member = replace(MIA, user_id=str(number))
        statuses = await asyncio.gather(*(store.submit(wish(f"a {number}", member=member)) for store in two_stores * 3))
        assert len({status.request_id for status in statuses}) == 1
        assert len(await two_stores[0].history(member)) == 1
        assert (await two_stores[0].allowance(member, "guild")).left_ms == 120_000 - 2400


async def test_two_connections_claim_each_request_once(two_stores: tuple[Store, Store]) -> None:
    for number in range(5):
        await two_stores[0].submit(wish(str(number), duration_ms=1200))
        await two_stores[1].submit(wish(f"leo {number}", member=LEO, duration_ms=1200))
    jobs = await asyncio.gather(*(two_stores[number % 2].claim(f"card-{number}") for number in range(20)))
    claimed = [job.claim.request_id for job in jobs if job is not None]
    assert len(claimed) == len(set(claimed)) == 10


async def test_cancel_and_claim_on_two_connections_agree(two_stores: tuple[Store, Store]) -> None:
    bot, engine = two_stores
    for number in range(20):
        request_id = (await bot.submit(wish(str(number), duration_ms=1200))).request_id
        cancelled, job = await asyncio.gather(bot.cancel(request_id, by=MIA), engine.claim("card-0"))
        if job is None:
            assert cancelled.state is JobState.CANCELLED
        else:
            assert (await engine.cancelled(job.claim)).state is JobState.CANCELLED
        assert (await bot.allowance(MIA, "guild")).left_ms == 120_000


async def test_beat_and_reclaim_on_two_connections_agree(two_stores: tuple[Store, Store], clock: ManualClock) -> None:
    """Whoever comes first: a lease that was kept is not taken, and one that was taken is not kept."""
    bot, engine = two_stores
    for number in range(20):
        request_id = (await bot.submit(wish(str(number), duration_ms=1200))).request_id
        job = await begin(engine)
        clock.pass_s(QueueSettings().lease_s)
        kept, lost = await asyncio.gather(engine.beat(job.claim), bot.reclaim(), return_exceptions=True)
        assert lost == (1 if isinstance(kept, StaleClaim) else 0), (kept, lost)
        await bot.cancel(request_id, by=MIA)
        if not lost:
            await engine.cancelled(job.claim)


async def test_zombie_is_refused_at_every_write_while_its_successor_works(two_stores: tuple[Store, Store]) -> None:
    zombie_side, successor_side = two_stores
    await zombie_side.submit(wish("a"))
    zombie = await begin(zombie_side, "card-0")
    assert await successor_side.engine_died("card-0") == 1
    job = await begin(successor_side, "card-1")
    writes = (
        zombie_side.beat(zombie.claim),
        zombie_side.save_section(zombie.claim, drawn(zombie, 0)),
        zombie_side.publish_progress(report(zombie.claim)),
        zombie_side.release(zombie.claim),
    )
    *refused, done = await asyncio.gather(*writes, finish(successor_side, job), return_exceptions=True)
    assert [type(answer) for answer in refused] == [StaleClaim] * 4
    assert isinstance(done, Status)
    assert done.state is JobState.DONE


async def test_twenty_tasks_claim_each_request_once(store: Store) -> None:
    for number in range(10):
        member = replace(MIA, user_id=str(number % 5))
        await store.submit(wish(str(number), member=member, duration_ms=1200))
    jobs = await asyncio.gather(*(store.claim(f"card-{number}") for number in range(20)))
    assert sorted(job.claim.request_id for job in jobs if job is not None) == list(range(1, 11))


async def test_update_delivered_ten_times_at_once_is_one_request(store: Store) -> None:
    statuses = await asyncio.gather(*(store.submit(wish("a")) for _ in range(10)))
    assert {status.request_id for status in statuses} == {1}
    assert (await store.allowance(MIA, "guild")).left_ms == 120_000 - 2400


async def test_cancel_and_claim_of_the_same_request_agree(store: Store) -> None:
    for number in range(6):
        await store.submit(wish(str(number), duration_ms=1200))
        cancelled, job = await asyncio.gather(store.cancel(number + 1, by=MIA), store.claim("card-0"))
        if job is None:
            assert cancelled.state is JobState.CANCELLED
        else:
            assert (await store.cancelled(job.claim)).state is JobState.CANCELLED


async def test_of_complete_and_loss_exactly_one_happens(store: Store) -> None:
    for number in range(6):
        await store.submit(wish(str(number), duration_ms=1200))
        job = await begin(store)
        await draw_all(store, job)
        completed, lost = await asyncio.gather(
            store.complete(job.claim, film(number + 1)), store.engine_died("card-0"), return_exceptions=True
        )
        if isinstance(completed, BaseException):
            assert isinstance(completed, StaleClaim)
            assert lost == 1
            await store.cancel(number + 1, by=MIA)
        else:
            assert lost == 0


async def test_last_film_time_is_not_spent_twice(store: Store) -> None:
    results = await asyncio.gather(
        *(store.submit(wish(str(number), duration_ms=50_000)) for number in range(4)), return_exceptions=True
    )
    assert sum(not isinstance(result, BaseException) for result in results) == 2
    assert (await store.allowance(MIA, "guild")).left_ms == 120_000 - 2 * 50_400
