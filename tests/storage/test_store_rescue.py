"""Upkeep: dead workers, lost leases, poison, clocks that jump, machines that boot, and waits without end."""

from __future__ import annotations

import pytest
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, begin, draw_all, drawn, film, finish, wish

from storage.database import Database
from storage.errors import StaleClaim
from storage.jobs import JobState
from storage.settings import QueueSettings, QuotaSettings
from storage.store import Store

LEASE_S = QueueSettings().lease_s


async def test_lost_lease_spends_a_try_and_keeps_place_and_sections(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    await store.submit(wish("b", member=LEO))
    job = await begin(store)
    await store.save_section(job.claim, drawn(job, 0))
    clock.pass_s(LEASE_S - 0.001)
    assert await store.reclaim() == 0
    clock.pass_s(0.001)
    assert await store.reclaim() == 1
    assert await store.reclaim() == 0
    status = await store.status(1)
    assert (status.state, status.interrupted, status.position) == (JobState.QUEUED, True, 1)
    again = await begin(store)
    assert again.sections == (drawn(job, 0),)
    assert (await finish(store, again)).state is JobState.DONE


async def test_request_that_kills_its_engine_twice_is_poison_and_free(store: Store) -> None:
    await store.submit(wish("a"))
    await begin(store, "card-0")
    assert await store.engine_died("card-0") == 1
    job = await begin(store, "card-0")
    await draw_all(store, job)
    assert await store.engine_died("card-0") == 1
    status = await store.status(1)
    assert status.state is JobState.FAILED
    assert status.failure is not None
    assert status.failure.code == "poison"
    assert status.charged_ms == 0
    assert (await store.requeue(1)).request_id == 2


async def test_dead_engine_frees_only_its_own_jobs(store: Store) -> None:
    await store.submit(wish("a"))
    await store.submit(wish("b"))
    await begin(store, "card-0")
    await begin(store, "card-1")
    assert await store.engine_died("card-1") == 1
    assert await store.engine_died("card-7") == 0
    assert [status.state for status in await store.queue()] == [JobState.RUNNING, JobState.QUEUED]


async def test_lost_film_that_was_no_longer_wanted_is_cancelled(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    await store.save_section(job.claim, drawn(job, 0))
    await store.cancel(1, by=MIA)
    assert await store.engine_died("card-0") == 1
    status = await store.status(1)
    assert (status.state, status.charged_ms) == (JobState.CANCELLED, 1200)


async def test_wall_clock_has_no_say_in_leases(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    for change_s in (3600, -7200, 86_400, -2 * 86_400):
        clock.set_wall(change_s)
        assert await store.reclaim() == 0
    assert (await finish(store, job)).state is JobState.DONE


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_reboot_voids_every_lease_at_once(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    await begin(store)
    clock.reboot()
    assert await store.reclaim() == 1


@pytest.mark.parametrize("kind", ["postgresql"])
async def test_leases_across_machines_are_on_the_servers_clock_alone(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    clock.reboot()
    clock.up_ms += 10_000_000
    assert await store.reclaim() == 0
    clock.set_lease(clock.up_ms)
    assert await store.reclaim() == 1
    with pytest.raises(StaleClaim):
        await store.beat(job.claim)


async def test_lease_from_beyond_the_present_is_of_another_boot(store: Store, clock: ManualClock) -> None:
    """Where the system does not name its boots: the lease clock starts anew and no lease can end so late."""
    await store.submit(wish("a"))
    await begin(store)
    clock.set_lease(5_000)
    assert await store.reclaim() == 1


async def test_request_that_waited_too_long_expires_and_is_refunded(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    clock.pass_s(48 * 3600)
    await store.submit(wish("b", member=LEO))
    assert await store.expire() == 0
    clock.pass_s(1)
    assert await store.expire() == 1
    status = await store.status(1)
    assert (status.state, status.charged_ms) == (JobState.EXPIRED, 0)
    assert (await store.status(2)).position == 1
    assert (await store.allowance(MIA, "guild")).left_ms == 120_000


async def test_interrupted_request_waits_anew(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    clock.pass_s(47 * 3600)
    await store.release(job.claim)
    clock.pass_s(2 * 3600)
    assert await store.expire() == 0


async def test_running_request_never_expires(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    clock.pass_s(100 * 3600)
    assert await store.expire() == 0
    await draw_all(store, job)
    assert (await store.complete(job.claim, film(1))).state is JobState.DONE


async def test_more_old_requests_than_a_batch_expire_together(database: Database, clock: ManualClock) -> None:
    store = Store(
        database,
        clock=clock,
        queue=QueueSettings(queued_per_member_max=1000),
        quota=QuotaSettings(burst_s=10_000),
    )
    for number in range(25):
        await store.submit(wish(str(number), duration_ms=1200))
    clock.pass_s(49 * 3600)
    assert await store.expire() == 25
    assert (await store.allowance(MIA, "guild")).queued == 0
