"""The engine's side: turns, leases, sections, ends; and the fence that keeps out whoever has lost a claim."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, begin, blob, draw_all, drawn, film, finish, report, wish

from storage.database import Database
from storage.dispatch.embedded import EmbeddedDispatch
from storage.errors import StaleClaim
from storage.invariants import violations
from storage.jobs import Claim, Failure, Job, JobState, Wish
from storage.settings import QueueSettings, QuotaSettings
from storage.store import Store

LEASE_S = QueueSettings().lease_s
FAILURE = Failure(code="out_of_memory", sentence="The card ran out of memory.")


async def test_nothing_is_claimed_from_an_empty_queue(store: Store) -> None:
    assert await store.claim("card-0") is None


async def test_claimed_request_runs_under_its_first_epoch(store: Store, clock: ManualClock) -> None:
    asked = wish("a")
    await store.submit(asked)
    clock.pass_s(10)
    job = await begin(store)
    assert job == Job(claim=Claim(request_id=1, epoch=1), params=asked.params, sections=())
    status = await store.status(1)
    assert (status.state, status.rev, status.started_ms) == (JobState.RUNNING, 2, clock.now_ms())
    assert (status.position, status.wait_ms) == (None, None)
    assert await store.claim("card-1") is None


async def test_done_film_costs_what_was_drawn_and_keeps_its_result(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a", duration_ms=2500))
    job = await begin(store)
    await draw_all(store, job)
    clock.pass_s(30)
    done = await store.complete(job.claim, film(1))
    assert (done.state, done.rev, done.charged_ms, done.sections_done) == (JobState.DONE, 3, 2400, 2)
    assert (done.result, done.failure, done.ended_ms) == (film(1), None, clock.now_ms())
    allowance = await store.allowance(MIA, "guild")
    # 30 s of a day at 60 s of film a day.
    assert (allowance.left_ms, allowance.running) == (120_000 - 2400 + 20, 0)


async def test_failed_film_is_refunded_whatever_was_drawn(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    await draw_all(store, job)
    failed = await store.fail(job.claim, FAILURE)
    assert (failed.state, failed.failure, failed.charged_ms) == (JobState.FAILED, FAILURE, 0)
    assert (await store.allowance(MIA, "guild")).left_ms == 120_000


async def test_film_with_a_missing_section_is_not_done(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    await store.save_section(job.claim, drawn(job, 0))
    with pytest.raises(ValueError, match="1 of 2 sections"):
        await store.complete(job.claim, film(1))
    assert (await store.status(1)).state is JobState.RUNNING


async def test_sections_follow_one_another(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    with pytest.raises(ValueError, match="does not follow"):
        await store.save_section(job.claim, drawn(job, 1))
    await draw_all(store, job)
    with pytest.raises(ValueError, match="does not follow"):
        await store.save_section(job.claim, drawn(job, 2))


async def test_saving_a_section_again_changes_nothing(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    await store.save_section(job.claim, drawn(job, 0))
    await store.save_section(job.claim, drawn(job, 0))
    assert (await store.status(1)).sections_done == 1
    other = drawn(Claim(request_id=99, epoch=1), 0)
    with pytest.raises(ValueError, match="differs"):
        await store.save_section(job.claim, other)


async def test_a_later_attempt_may_draw_a_section_of_an_earlier_one_anew(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    await store.save_section(job.claim, drawn(job, 0))
    await store.release(job.claim)
    again = await begin(store)
    anew = drawn(Claim(request_id=99, epoch=1), 0, gpu_ms=900)
    await store.save_section(again.claim, anew)
    await store.release(again.claim)
    assert (await begin(store)).sections == (anew,)


async def test_what_followed_a_section_that_is_drawn_anew_is_drawn_anew_too(store: Store, database: Database) -> None:
    """It went on from latents that are gone: a film made of both would be nobody's."""
    await store.submit(wish("a", duration_ms=3600))
    job = await begin(store)
    await draw_all(store, job)
    await store.release(job.claim)
    again = await begin(store)
    anew = drawn(Claim(request_id=99, epoch=1), 1)
    await store.save_section(again.claim, anew)
    assert await violations(database, None) == []
    with pytest.raises(ValueError, match="2 of 3 sections"):
        await store.complete(again.claim, film(1))
    await store.release(again.claim)
    assert (await begin(store)).sections == (drawn(job, 0), anew)


async def test_released_job_goes_on_where_it_stopped_and_keeps_its_place(store: Store) -> None:
    await store.submit(wish("a"))
    await store.submit(wish("b", member=LEO))
    job = await begin(store)
    await store.save_section(job.claim, drawn(job, 0))
    queued = await store.release(job.claim)
    assert (queued.state, queued.position, queued.interrupted, queued.rev) == (JobState.QUEUED, 1, True, 3)
    assert queued.charged_ms == 2400
    again = await begin(store, "card-1")
    assert again.claim == Claim(request_id=1, epoch=2)
    assert again.sections == (drawn(job, 0),)
    assert (await finish(store, again)).state is JobState.DONE


async def test_releasing_for_ever_spends_no_try(store: Store) -> None:
    await store.submit(wish("a"))
    for epoch in range(1, 6):
        job = await begin(store)
        assert job.claim.epoch == epoch
        await store.release(job.claim)
    assert (await store.status(1)).state is JobState.QUEUED


async def test_release_of_a_film_that_is_no_longer_wanted_cancels_it(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    await store.cancel(1, by=MIA)
    assert (await store.release(job.claim)).state is JobState.CANCELLED


async def test_worker_cannot_cancel_what_nobody_wished_to_cancel(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    with pytest.raises(ValueError, match="nobody asked"):
        await store.cancelled(job.claim)


def _writes(store: Store, claim: Claim) -> dict[str, Callable[[], Awaitable[object]]]:
    return {
        "beat": lambda: store.beat(claim),
        "save_section": lambda: store.save_section(claim, drawn(claim, 0)),
        "publish_progress": lambda: store.publish_progress(report(claim)),
        "complete": lambda: store.complete(claim, film(claim.request_id)),
        "fail": lambda: store.fail(claim, FAILURE),
        "cancelled": lambda: store.cancelled(claim),
        "release": lambda: store.release(claim),
    }


class Forgetful(EmbeddedDispatch):
    """Delivers the same request again and again, as a queue that promises at-least-once may."""

    async def next(self, *, running_max: int) -> int:  # type: ignore[override]
        return 1


async def test_dispatch_that_repeats_itself_does_no_harm(database: Database, clock: ManualClock) -> None:
    dispatch = Forgetful(database)
    store = Store(database, clock=clock, queue=QueueSettings(), quota=QuotaSettings(), dispatch=dispatch)
    assert await store.claim("card-0") is None
    await store.submit(wish("a"))
    job = await begin(store)
    assert await store.claim("card-1") is None
    await finish(store, job)
    assert await store.claim("card-1") is None


async def test_rescued_job_cannot_be_touched_by_its_first_worker(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    zombie = await begin(store, "card-0")
    clock.pass_s(LEASE_S)
    assert await store.reclaim() == 1
    rescuer = await begin(store, "card-1")
    await draw_all(store, rescuer)
    before = await store.status(1)
    for write in _writes(store, zombie.claim).values():
        with pytest.raises(StaleClaim):
            await write()
    assert await store.status(1) == before
    assert (await store.complete(rescuer.claim, film(1))).state is JobState.DONE


async def test_worker_whose_job_waits_again_writes_nothing(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    zombie = await begin(store)
    clock.pass_s(LEASE_S)
    await store.reclaim()
    for write in _writes(store, zombie.claim).values():
        with pytest.raises(StaleClaim):
            await write()
    assert (await store.status(1)).state is JobState.QUEUED


async def test_ended_film_never_changes_again(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    done = await finish(store, job)
    for write in _writes(store, job.claim).values():
        with pytest.raises(StaleClaim):
            await write()
    assert await store.cancel(1, by=MIA) == done
    assert await store.status(1) == done


async def test_unknown_request_is_a_stale_claim(store: Store) -> None:
    for write in _writes(store, Claim(request_id=404, epoch=1)).values():
        with pytest.raises(StaleClaim):
            await write()


async def test_progress_shows_its_latest_word_until_the_attempt_ends(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    first = report(job.claim, step=1, preview=blob("preview", ".gif"))
    await store.publish_progress(first)
    assert (await store.status(1)).progress == first
    latest = report(job.claim, step=2)
    await store.publish_progress(latest)
    assert (await store.status(1)).progress == latest
    assert (await store.status(1)).rev == 2
    assert (await store.release(job.claim)).progress is None


async def test_short_films_pass_a_member_who_asked_for_much(store: Store) -> None:
    for number in range(4):
        await store.submit(wish(f"hog {number}", duration_ms=24_000))
    first = await begin(store)
    await store.submit(wish("light", member=LEO))
    await finish(store, first)
    assert (await begin(store)).params.duration_ms == 2400
    assert (await begin(store)).params.duration_ms == 24_000


async def test_finish_tag_learns_what_a_film_really_took(database: Database, clock: ManualClock) -> None:
    """Two members ask for the same; the one whose film took far longer waits for the other's second film."""
    store = Store(database, clock=clock, queue=QueueSettings(), quota=QuotaSettings())
    await store.submit(wish("mia 1"))
    await store.submit(wish("leo 1", member=LEO))
    for gpu_ms in (60_000, 100):
        job = await begin(store)
        await draw_all(store, job)
        await store.complete(job.claim, film(job.claim.request_id, gpu_ms=gpu_ms))
    await store.submit(wish("mia 2"))
    await store.submit(wish("leo 2", member=LEO))
    assert [status.member.name for status in await store.queue()] == ["Leo", "Mia"]


async def test_beat_keeps_a_lease(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    for _ in range(5):
        clock.pass_s(LEASE_S - 1)
        assert await store.beat(job.claim) is Wish.CONTINUE
        assert await store.reclaim() == 0


async def test_late_beat_saves_a_lease_that_nobody_took(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    clock.pass_s(LEASE_S * 3)
    await store.beat(job.claim)
    assert await store.reclaim() == 0
