"""Asking for films and taking the wish back."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

import pytest
from sqlalchemy import Connection, text
from storagekit import workload
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, begin, draw_all, drawn, film, finish, wish

from storage.database import Database
from storage.errors import QueueFull, QuotaExceeded, RequestRejected, StaleClaim, UnknownRequest
from storage.jobs import Failure, JobState, Member, Part, Request, RequestKind, Schedule, Wish
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
    assert (await store.allowance(MIA, "guild")).left_ms == 4800
    with pytest.raises(QuotaExceeded) as refused:
        await store.submit(wish("one more", duration_ms=7000))
    assert str(refused.value) == (
        "You have 4.8 s of film left and this one needs 7.2 s. Try 4.8 s, or come back in about 58 min."
    )
    assert (refused.value.left_ms, refused.value.needed_ms) == (4800, 7200)
    assert refused.value.back_at_ms is not None
    assert len(await store.history(MIA)) == 2
    clock.pass_s((refused.value.back_at_ms - clock.now_ms()) / 1000)
    assert (await store.submit(wish("one more", duration_ms=7000))).state is JobState.QUEUED


async def test_film_longer_than_any_allowance_names_the_most_that_can_be_saved(database: Database) -> None:
    store = Store(database, clock=ManualClock(), queue=QueueSettings(), quota=QuotaSettings(burst_s=4))
    with pytest.raises(QuotaExceeded) as refused:
        await store.submit(wish("a", duration_ms=5000))
    assert refused.value.back_at_ms is None
    assert "at most 4 s" in str(refused.value)


async def test_quota_is_per_member_and_community(store: Store) -> None:
    await store.submit(wish("a", duration_ms=99_600))
    await store.submit(wish("c", member=LEO, duration_ms=99_600))
    assert (await store.allowance(MIA, "guild")).left_ms == 20_400
    assert (await store.allowance(LEO, "guild")).left_ms == 20_400


def elsewhere(idem: str, community: str, *, duration_ms: int = 2400, member: Member = MIA) -> Request:
    asked = wish(idem, member=member, duration_ms=duration_ms)
    return replace(asked, place=replace(asked.place, community_id=community))


async def test_more_communities_give_nobody_more_film(database: Database, clock: ManualClock) -> None:
    store = Store(database, clock=clock, queue=QueueSettings(queued_per_member_max=99), quota=QuotaSettings(burst_s=3))
    await store.submit(elsewhere("0", "group 0"))
    for number in range(1, 7):
        with pytest.raises(QuotaExceeded) as refused:
            await store.submit(elsewhere(str(number), f"group {number}", duration_ms=1200))
        assert str(refused.value) == (
            "You have 0.6 s of film left in all communities together and this one needs 1.2 s. Come back in about 10 h."
        )
        assert refused.value.everywhere
        assert refused.value.back_at_ms == clock.now_ms() + 600 * 86_400_000 // 1500
    left = await store.allowance(MIA, "group 5")
    assert (left.left_ms, left.everywhere, left.burst_ms) == (600, True, 3000)
    asked = elsewhere("early", "group 6", duration_ms=1200)
    with pytest.raises(QuotaExceeded):
        await store.foresee(asked.idem, asked.member, asked.place, 1200)
    # Taken back, it may be asked for anywhere: a refund returns to both buckets.
    await store.cancel(1, by=MIA)
    await store.submit(elsewhere("again", "group 6"))
    await store.submit(elsewhere("leo", "group 1", member=LEO))


async def test_a_person_may_be_given_more_than_one_community_gives(database: Database, clock: ManualClock) -> None:
    quota = QuotaSettings(burst_s=3, person_burst_s=6, refill_s_per_day=3)
    store = Store(database, clock=clock, queue=QueueSettings(), quota=quota)
    await store.submit(elsewhere("0", "group 0"))
    assert (await store.allowance(MIA, "group 0")).left_ms == 600
    assert (await store.allowance(MIA, "group 1")).left_ms == 3000
    await store.submit(elsewhere("1", "group 1"))
    assert (await store.allowance(MIA, "group 2")).left_ms == 1200
    clock.pass_s(86_400)
    # In a day 3 s come back in each community, and 6 s in all of them together.
    assert [(await store.allowance(MIA, f"group {number}")).left_ms for number in range(3)] == [3000, 3000, 3000]


async def test_wishes_from_many_communities_at_once_spend_nothing_twice(store: Store) -> None:
    wishes = (elsewhere(str(number), f"group {number}", duration_ms=50_400) for number in range(5))
    results = await asyncio.gather(*(store.submit(it) for it in wishes), return_exceptions=True)
    assert sum(isinstance(result, QuotaExceeded) for result in results) == 3
    assert (await store.allowance(MIA, "another")).left_ms == 120_000 - 2 * 50_400


async def test_what_is_drawn_is_what_is_charged(store: Store) -> None:
    # Half a second becomes one section, 5 s become four.
    status = await store.submit(wish("a", duration_ms=500))
    assert (status.params.duration_ms, status.charged_ms) == (1200, 1200)
    status = await store.submit(wish("b", duration_ms=5000))
    assert (status.params.duration_ms, status.charged_ms) == (4800, 4800)
    assert (await store.allowance(MIA, "guild")).left_ms == 120_000 - 6000


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
    await store.submit(wish("a", duration_ms=1000))
    job = await begin(store)
    await draw_all(store, job)
    await store.cancel(1, by=MIA)
    too_much = Part(section=1, step=9, steps=6, gpu_ms=5)
    assert (await store.cancelled(job.claim, too_much)).charged_ms == 1200


@pytest.mark.parametrize("how", ["cancelled", "released"])
async def test_a_cancel_inside_a_section_pays_for_the_steps_that_were_drawn(store: Store, how: str) -> None:
    await store.submit(wish("a", duration_ms=3600))
    job = await begin(store)
    await store.save_section(job.claim, drawn(job, 0))
    await store.cancel(1, by=MIA)
    part = Part(section=1, step=4, steps=6, gpu_ms=500)
    ended = await (store.cancelled if how == "cancelled" else store.release)(job.claim, part)
    assert (ended.state, ended.charged_ms) == (JobState.CANCELLED, 1200 + 800)
    assert (await store.allowance(MIA, "guild")).left_ms == 120_000 - 2000
    # A worker that was killed before it heard of its commit says it once more, and nothing is charged twice.
    with pytest.raises(StaleClaim):
        await store.cancelled(job.claim, part)
    assert (await store.status(1)).charged_ms == 2000


async def test_steps_of_a_section_that_is_stored_are_not_charged_again(store: Store) -> None:
    await store.submit(wish("a", duration_ms=3600))
    job = await begin(store)
    await store.save_section(job.claim, drawn(job, 0))
    await store.cancel(1, by=MIA)
    part = Part(section=0, step=6, steps=6, gpu_ms=500)
    assert (await store.cancelled(job.claim, part)).charged_ms == 1200


async def test_a_moderators_cancel_makes_no_film_free(store: Store) -> None:
    """Two friends in a group of their own could have the card for nothing."""
    await store.submit(wish("a"))
    job = await begin(store)
    await store.cancel(1, by=LEO, everyone=True)
    status = await store.cancelled(job.claim, Part(section=0, step=4, steps=6, gpu_ms=500))
    assert status.charged_ms == 800
    assert status.cancelled_by_other


async def test_who_cancels_inside_sections_loses_their_turn_for_it(store: Store, database: Database) -> None:
    async def tag() -> int:
        return await database.read(lambda db: db.execute(text("SELECT sfq_finish FROM account")).scalar_one())

    await store.submit(wish("a"))
    job = await begin(store)
    start = await database.read(lambda db: db.execute(text("SELECT sfq_start FROM request")).scalar_one())
    await store.cancel(1, by=MIA)
    await store.cancelled(job.claim, Part(section=0, step=4, steps=6, gpu_ms=777))
    assert await tag() == start + 777


async def test_a_moderator_who_cancels_a_running_film_leaves_its_finished_sections_to_be_paid(store: Store) -> None:
    await store.submit(wish("a"))
    job = await begin(store)
    await store.save_section(job.claim, drawn(job, 0))
    await store.cancel(1, by=LEO, everyone=True)
    assert (await store.cancelled(job.claim)).charged_ms == 1200


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
