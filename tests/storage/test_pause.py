"""The owner's pause: nothing is claimed, what runs is given back, and nobody's place or patience is lost."""

from __future__ import annotations

import pytest
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, begin, draw_all, drawn, film, finish, wish
from storagekit.homes import Home

from storage.jobs import JobState, Pause, Wish
from storage.settings import QueueSettings, QuotaSettings
from storage.store import Store

HOUR_S = 3600
PATIENCE_S = 48 * HOUR_S


async def test_nothing_is_claimed_while_the_owner_pauses(store: Store) -> None:
    await store.submit(wish("a"))
    await store.pause()
    assert await store.claim("card-0") is None
    await store.submit(wish("b", member=LEO))
    assert await store.claim("card-1") is None
    assert await store.resume()
    assert (await begin(store)).claim.request_id == 1


async def test_waiting_films_say_so_keep_their_place_and_promise_no_time(store: Store) -> None:
    await store.submit(wish("a"))
    await finish(store, await begin(store))  # from here on waits can be estimated
    await store.submit(wish("b"))
    await store.submit(wish("c", member=LEO))
    before = await store.queue()
    assert [(status.position, status.paused) for status in before] == [(1, False), (2, False)]
    assert all(status.wait_ms is not None for status in before)
    await store.pause()
    assert [(status.position, status.paused, status.wait_ms) for status in await store.queue()] == [
        (1, True, None),
        (2, True, None),
    ]
    assert not any(status.pause_ends for status in await store.queue())
    await store.pause(for_ms=60_000)
    assert all(status.pause_ends for status in await store.queue())
    await store.resume()
    assert await store.queue() == before


async def test_a_running_film_is_wished_back_and_goes_on_where_it_stopped(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    assert await store.beat(job.claim) is Wish.CONTINUE
    await store.save_section(job.claim, drawn(job, 0))
    await store.pause()
    assert await store.beat(job.claim) is Wish.YIELD
    for _ in range(3):  # more often than there are tries
        queued = await store.release(job.claim)
        assert (queued.state, queued.position, queued.paused) == (JobState.QUEUED, 1, True)
        await store.resume()
        job = await begin(store)
        assert len(job.sections) == 1
        await store.pause()
    await store.resume()
    assert await store.beat(job.claim) is Wish.CONTINUE
    assert (await finish(store, job)).state is JobState.DONE


async def test_a_film_that_is_finished_in_the_last_moment_is_kept(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    await draw_all(store, job)
    await store.pause()
    assert (await store.complete(job.claim, film(1))).state is JobState.DONE


async def test_a_members_cancel_outranks_the_pause(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    await store.pause()
    await store.cancel(1, by=MIA)
    assert await store.beat(job.claim) is Wish.CANCEL
    assert (await store.release(job.claim)).state is JobState.CANCELLED


async def test_a_pause_ends_by_itself_when_its_time_is_over(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    begun_ms = clock.now_ms()
    assert await store.pause(for_ms=7_200_000) == Pause(since_ms=begun_ms, until_ms=begun_ms + 7_200_000)
    clock.pass_s(2 * HOUR_S - 0.001)
    assert not await store.end_pause()
    assert await store.claim("card-0") is None
    clock.pass_s(0.001)
    assert await store.paused() is None
    assert (await begin(store)).claim.request_id == 1  # also where no bot does the upkeep


async def test_upkeep_forgets_a_pause_that_is_over_and_wakes_whoever_waits(
    home: Home, store: Store, clock: ManualClock
) -> None:
    await store.submit(wish("a"))
    await store.pause(for_ms=1000)
    async with await home.open() as database:
        engine = Store(database, clock=clock, queue=QueueSettings(), quota=QuotaSettings())
        assert await engine.claim("card-0") is None
        clock.pass_s(1)
        assert await store.end_pause()
        assert not await store.end_pause()
        assert await engine.changed(timeout_s=60)
        assert not (await engine.status(1)).paused
        assert await engine.claim("card-0") is not None


async def test_pausing_again_gives_the_pause_another_end(store: Store, clock: ManualClock) -> None:
    begun_ms = clock.now_ms()
    await store.pause(for_ms=60_000)
    clock.pass_s(30)
    assert await store.pause(for_ms=60_000) == Pause(since_ms=begun_ms, until_ms=begun_ms + 90_000)
    assert await store.pause() == Pause(since_ms=begun_ms, until_ms=None)
    clock.pass_s(HOUR_S)
    assert await store.paused() == Pause(since_ms=begun_ms, until_ms=None)


async def test_resuming_what_is_not_paused_changes_nothing(store: Store, clock: ManualClock) -> None:
    assert not await store.resume()
    await store.pause()
    assert await store.resume()
    assert not await store.resume()
    await store.pause(for_ms=1000)
    clock.pass_s(2)
    assert not await store.resume()
    assert not await store.end_pause()


async def test_a_pause_outlives_every_process_and_wakes_them_all(home: Home, clock: ManualClock) -> None:
    def opened(database: object) -> Store:
        return Store(database, clock=clock, queue=QueueSettings(), quota=QuotaSettings())  # type: ignore[arg-type]

    async with await home.open() as database, await home.open() as other:
        bot, engine = opened(database), opened(other)
        await bot.submit(wish("a"))
        await engine.status(1)
        await bot.pause()
        assert await engine.changed(timeout_s=60)
    async with await home.open() as database, await home.open() as other:
        bot, engine = opened(database), opened(other)
        assert await engine.claim("card-0") is None
        await bot.resume()
        assert await engine.changed(timeout_s=60)
        assert await engine.claim("card-0") is not None


async def test_time_in_a_pause_is_not_waited(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("before"))
    clock.pass_s(HOUR_S)
    await store.pause()
    clock.pass_s(2 * PATIENCE_S)
    await store.submit(wish("within", member=LEO))
    clock.pass_s(2 * PATIENCE_S)
    assert await store.expire() == 0
    await store.resume()
    clock.pass_s(PATIENCE_S - HOUR_S)
    assert await store.expire() == 0
    clock.pass_s(1)
    assert await store.expire() == 1
    assert (await store.status(1)).state is JobState.EXPIRED
    clock.pass_s(HOUR_S)
    assert await store.expire() == 1


async def test_what_had_waited_too_long_before_the_pause_expires_in_it(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    clock.pass_s(PATIENCE_S + 1)
    await store.pause()
    clock.pass_s(HOUR_S)
    assert await store.expire() == 1
    assert (await store.allowance(MIA, "guild")).left_ms == 120_000


async def test_a_film_given_back_in_a_pause_waits_from_its_end(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    await store.pause()
    clock.pass_s(HOUR_S)
    await store.release(job.claim)
    clock.pass_s(2 * PATIENCE_S)
    await store.resume()
    clock.pass_s(PATIENCE_S)
    assert await store.expire() == 0
    clock.pass_s(1)
    assert await store.expire() == 1


@pytest.mark.parametrize("noticed", [True, False])
async def test_a_pause_that_ended_by_itself_counts_up_to_its_end(
    store: Store, clock: ManualClock, noticed: bool
) -> None:
    await store.submit(wish("a"))
    await store.pause(for_ms=HOUR_S * 1000)
    clock.pass_s(HOUR_S + 60)
    if noticed:
        assert await store.end_pause()
    clock.pass_s(PATIENCE_S - 60)
    assert await store.expire() == 0
    # A second pause, begun before anybody has put the first one away, forgets nothing of it.
    await store.pause()
    clock.pass_s(HOUR_S)
    await store.resume()
    assert await store.expire() == 0
    clock.pass_s(1)
    assert await store.expire() == 1


async def test_a_wall_clock_set_back_in_a_pause_lets_nobody_wait_longer(store: Store, clock: ManualClock) -> None:
    await store.pause()
    clock.set_wall(-24 * HOUR_S)
    await store.submit(wish("a"))
    await store.resume()
    clock.pass_s(PATIENCE_S)
    assert await store.expire() == 0
    clock.pass_s(1)
    assert await store.expire() == 1
