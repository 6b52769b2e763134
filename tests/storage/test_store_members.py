"""Asking for films and taking the wish back."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from sqlalchemy import Connection, text
from storagekit import workload
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, begin, draw_all, drawn, film, finish, wish

from storage.database import Database
from storage.errors import QueueFull, QuotaExceeded, RequestRejected, UnknownRequest
from storage.jobs import Failure, JobState, RequestKind, Schedule, Wish
from storage.settings import QueueSettings, QuotaSettings
from storage.store import Store


async def test_accepted_request_is_stored_as_it_was_asked(store: Store, clock: ManualClock) -> None:
    asked = wish("discord:1:1")
    asked = replace(
        asked,
        params=replace(
            asked.params,
            schedule=Schedule.FORWARD,
            end_picture=replace(asked.params.picture, sha256="b" * 64),
            negative_prompt="неясно 🦊",
            true_cfg_scale=2.5,
            guidance_rescale=0.25,
        ),
    )
    status = await store.submit(asked)
    assert status.state is JobState.QUEUED
    assert (status.rev, status.position, status.charged_ms) == (1, 1, 2400)
    assert (status.member, status.place, status.params) == (asked.member, asked.place, asked.params)
    assert (status.created_ms, status.started_ms, status.ended_ms) == (clock.now_ms(), None, None)
    assert not status.interrupted


async def test_redelivered_update_changes_nothing(store: Store) -> None:
    first = await store.submit(wish("discord:1:1"))
    again = await store.submit(wish("discord:1:1", duration_ms=9600))
    assert again == first
    assert (await store.allowance(MIA, "guild")).left_ms == 120_000 - 2400
    assert len(await store.history(MIA)) == 1


async def test_redelivery_after_the_end_shows_the_end(store: Store) -> None:
    await store.submit(wish("a"))
    done = await finish(store, await begin(store))
    assert await store.submit(wish("a")) == done


async def test_quota_is_reserved_at_once_and_refused_with_a_way_out(store: Store, clock: ManualClock) -> None:
    for number in range(2):
        await store.submit(wish(f"long {number}", duration_ms=58_000))
    assert (await store.allowance(MIA, "guild")).left_ms == 4000
    with pytest.raises(QuotaExceeded) as refused:
        await store.submit(wish("one more", duration_ms=5000))
    assert str(refused.value) == (
        "You have 4 s of film left and this one needs 5 s. Try 4 s, or come back in about 24 min."
    )
    assert (refused.value.left_ms, refused.value.needed_ms) == (4000, 5000)
    assert refused.value.back_at_ms is not None
    assert len(await store.history(MIA)) == 2
    clock.pass_s((refused.value.back_at_ms - clock.now_ms()) / 1000)
    assert (await store.submit(wish("one more", duration_ms=5000))).state is JobState.QUEUED


async def test_film_longer_than_any_allowance_names_the_most_that_can_be_saved(database: Database) -> None:
    store = Store(database, clock=ManualClock(), queue=QueueSettings(), quota=QuotaSettings(burst_s=4))
    with pytest.raises(QuotaExceeded) as refused:
        await store.submit(wish("a", duration_ms=5000))
    assert refused.value.back_at_ms is None
    assert "at most 4 s" in str(refused.value)


async def test_quota_is_per_member_and_community(store: Store) -> None:
    await store.submit(wish("a", duration_ms=100_000))
    elsewhere = replace(wish("b", duration_ms=100_000), place=replace(wish("b").place, community_id="other guild"))
    await store.submit(elsewhere)
    await store.submit(wish("c", member=LEO, duration_ms=100_000))
    assert (await store.allowance(MIA, "guild")).left_ms == 20_000
    assert (await store.allowance(MIA, "other guild")).left_ms == 20_000
    assert (await store.allowance(MIA, "never seen")).left_ms == 120_000


async def test_a_member_may_have_only_so_many_films_waiting_in_all_communities(store: Store) -> None:
    for number in range(5):
        place = replace(wish("x").place, community_id=f"guild {number}")
        await store.submit(wish(str(number), place=place))
    with pytest.raises(QueueFull, match="You have 5 films waiting"):
        await store.submit(wish("one more"))
    await store.submit(wish("somebody else's", member=LEO))
    await begin(store)
    assert (await store.submit(wish("one more"))).state is JobState.QUEUED


async def test_full_queue_refuses_everybody_and_charges_nobody(database: Database, clock: ManualClock) -> None:
    store = Store(database, clock=clock, queue=QueueSettings(queued_max=2), quota=QuotaSettings())
    await store.submit(wish("a"))
    await store.submit(wish("b"))
    with pytest.raises(QueueFull, match="full with 2 films"):
        await store.submit(wish("c", member=LEO))
    assert (await store.allowance(LEO, "guild")).left_ms == 120_000
    await store.cancel(1, by=MIA)
    assert (await store.submit(wish("c", member=LEO))).state is JobState.QUEUED


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_full_disk_refuses_and_charges_nothing(database: Database) -> None:
    store = workload.open_store(database)

    async def submit_for_ever() -> None:
        for number in itertools.count():
            await store.submit(wish(str(number), duration_ms=1200))

    pages = await database.write(lambda db: db.execute(text("PRAGMA page_count")).scalar_one())
    await database.write(lambda db: db.execute(text(f"PRAGMA max_page_count = {pages}")))
    with pytest.raises(QueueFull, match="disk is full"):
        await submit_for_ever()
    await database.write(lambda db: db.execute(text("PRAGMA max_page_count = 1000000")))
    accepted = await store.history(MIA, limit=1000)
    allowance = await store.allowance(MIA, "guild")
    assert allowance.queued == len(accepted)
    assert allowance.left_ms == allowance.burst_ms - 1200 * len(accepted)
    assert (await store.submit(wish("after"))).state is JobState.QUEUED


@pytest.mark.parametrize("kind", ["postgresql"])
async def test_full_disk_of_the_server_refuses_and_charges_nothing(store: Store, database: Database) -> None:
    def fill(db: Connection) -> None:
        db.exec_driver_sql(
            "CREATE FUNCTION out_of_room() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
        )
        db.exec_driver_sql(
            "CREATE TRIGGER out_of_room BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION out_of_room()"
        )

    await database.write(fill)
    with pytest.raises(QueueFull, match="disk is full"):
        await store.submit(wish("a"))
    await database.write(lambda db: db.exec_driver_sql("DROP TRIGGER out_of_room ON outbox"))
    assert (await store.allowance(MIA, "guild")).left_ms == 120_000
    assert (await store.submit(wish("a"))).state is JobState.QUEUED


async def test_refused_request_leaves_no_trace(store: Store) -> None:
    with pytest.raises(QuotaExceeded):
        await store.submit(wish("a", duration_ms=121_000))
    assert await store.history(MIA) == []
    with pytest.raises(UnknownRequest):
        await store.status(1)


async def test_reroll_remembers_its_parent(store: Store) -> None:
    parent = await store.submit(wish("a"))
    child = await store.submit(wish("b", member=LEO, kind=RequestKind.REROLL, parent_id=parent.request_id))
    assert (child.kind, child.parent_id) == (RequestKind.REROLL, parent.request_id)
    with pytest.raises(UnknownRequest):
        await store.submit(wish("c", kind=RequestKind.EXTEND, parent_id=77))


async def test_renamed_member_is_shown_by_their_new_name(store: Store) -> None:
    await store.submit(wish("a"))
    await store.submit(wish("b", member=replace(MIA, name="Mia ✨", locale="it")))
    assert {status.member.name for status in await store.history(MIA)} == {"Mia ✨"}


async def test_cancelling_what_waits_gives_everything_back(store: Store) -> None:
    await store.submit(wish("a"))
    cancelled = await store.cancel(1, by=MIA)
    assert (cancelled.state, cancelled.charged_ms, cancelled.rev) == (JobState.CANCELLED, 0, 2)
    allowance = await store.allowance(MIA, "guild")
    assert (allowance.left_ms, allowance.queued) == (120_000, 0)
    assert await store.claim("card-0") is None


async def test_cancelling_twice_is_cancelling_once(store: Store) -> None:
    await store.submit(wish("a"))
    assert await store.cancel(1, by=MIA) == await store.cancel(1, by=MIA)


async def test_nobody_cancels_what_is_not_theirs(store: Store) -> None:
    await store.submit(wish("a"))
    with pytest.raises(UnknownRequest):
        await store.cancel(1, by=LEO)
    with pytest.raises(UnknownRequest):
        await store.cancel(2, by=MIA, everyone=True)
    assert (await store.cancel(1, by=LEO, everyone=True)).state is JobState.CANCELLED


async def test_member_who_cancels_a_running_film_pays_for_its_finished_sections(store: Store) -> None:
    await store.submit(wish("a", duration_ms=4800))
    job = await begin(store)
    assert await store.beat(job.claim) is Wish.CONTINUE
    await store.save_section(job.claim, drawn(job, 0))
    wished = await store.cancel(1, by=MIA)
    assert (wished.state, wished.rev) == (JobState.RUNNING, 2)
    assert await store.beat(job.claim) is Wish.CANCEL
    ended = await store.cancelled(job.claim)
    assert (ended.state, ended.charged_ms, ended.sections_done) == (JobState.CANCELLED, 1200, 1)
    assert (await store.allowance(MIA, "guild")).left_ms == 120_000 - 1200


async def test_a_cancelled_film_never_costs_more_than_was_reserved(store: Store) -> None:
    # 1.3 s are one section of 1.2 s; 1.0 s is one section too, and longer than what was asked for.
    await store.submit(wish("a", duration_ms=1000))
    job = await begin(store)
    await draw_all(store, job)
    await store.cancel(1, by=MIA)
    assert (await store.cancelled(job.claim)).charged_ms == 1000


async def test_operator_who_cancels_a_running_film_refunds_it(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    await store.save_section(job.claim, drawn(job, 0))
    await store.cancel(1, by=LEO, everyone=True)
    assert (await store.cancelled(job.claim)).charged_ms == 0


async def test_owner_with_an_operators_right_still_pays_for_their_own(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    await store.save_section(job.claim, drawn(job, 0))
    await store.cancel(1, by=MIA, everyone=True)
    assert (await store.cancelled(job.claim)).charged_ms == 1200


async def test_film_that_is_finished_before_the_wish_is_read_is_done(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    await draw_all(store, job)
    await store.cancel(1, by=MIA)
    done = await store.complete(job.claim, film(1))
    assert (done.state, done.charged_ms) == (JobState.DONE, 2400)
    assert await store.cancel(1, by=MIA) == done


async def test_history_is_newest_first_and_can_be_paged(store: Store) -> None:
    for number in range(5):
        await store.submit(wish(str(number)))
    first = await store.history(MIA, limit=2)
    then = await store.history(MIA, limit=2, before_id=first[-1].request_id)
    assert [status.request_id for status in first + then] == [5, 4, 3, 2]
    assert await store.history(LEO) == []


async def test_queue_shows_running_first_and_then_the_order_of_turns(store: Store) -> None:
    for number in range(3):
        await store.submit(wish(f"mia {number}", duration_ms=12_000))
    await store.submit(wish("leo", member=LEO))
    await begin(store)
    line = await store.queue()
    assert [(status.member.name, status.position) for status in line] == [
        ("Mia", None),
        ("Leo", 1),
        ("Mia", 2),
        ("Mia", 3),
    ]
    assert len(await store.queue(limit=2)) == 2


async def test_wait_is_told_once_something_is_measured(store: Store) -> None:
    await store.submit(wish("a"))
    assert (await store.submit(wish("b"))).wait_ms is None
    await finish(store, await begin(store))
    assert (await store.status(2)).wait_ms == 0
    third = await store.submit(wish("c"))
    # Two sections of 700 ms, but its own estimate was made before the first measurement.
    assert third.wait_ms is not None
    assert third.wait_ms > 0
    assert (await store.submit(wish("d"))).wait_ms == third.wait_ms + 1400


async def test_operator_queues_a_failed_film_again_as_a_new_request(store: Store) -> None:
    await store.submit(wish("a"))
    with pytest.raises(RequestRejected, match="queued"):
        await store.requeue(1)
    job = await begin(store)
    failed = await store.fail(job.claim, Failure(code="bad_numbers", sentence="It went wrong."))
    again = await store.requeue(1)
    assert (again.request_id, again.state, again.params) == (2, JobState.QUEUED, failed.params)
    assert again.member == MIA
    assert await store.requeue(1) == again
    assert await store.status(1) == failed
    await store.cancel(2, by=MIA)
    assert (await store.requeue(1)).request_id == 3
    with pytest.raises(UnknownRequest):
        await store.requeue(99)
