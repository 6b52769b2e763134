"""What people do with films that stand: reroll them within bounds, take that back, cover them, delete them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, ROOM, begin, finish, message, wish
from storagekit.homes import Home

from storage.database import Database
from storage.errors import RequestRejected, Rule, UnknownRequest
from storage.jobs import JobState, Member, Place, Request, RequestKind
from storage.settings import QueueSettings, QuotaSettings, RerollSettings
from storage.store import MessageKind, Store

FREE = RerollSettings(cooldown_s=0, per_film_max=100)
ZOE = replace(MIA, user_id="3", name="Zoe")
ELSEWHERE = replace(ROOM, community_id="another guild")


def again(idem: str, parent_id: int = 1, member: Member = MIA) -> Request:
    return replace(wish(idem, member=member), kind=RequestKind.REROLL, parent_id=parent_id)


async def shown(store: Store, idem: str = "a") -> int:
    """A film that is done and stands in its chat."""
    status = await store.submit(wish(idem))
    done = await finish(store, await begin(store))
    await store.message_posted(status.request_id, MessageKind.FILM, message(status.request_id), done.rev)
    await store.outbox_sent(status.request_id, done.rev)
    return status.request_id


async def refused(store: Store, request: Request, rules: RerollSettings) -> RequestRejected:
    with pytest.raises(RequestRejected) as caught:
        await store.submit(request, rerolls=rules)
    return caught.value


async def test_a_member_has_one_reroll_of_a_film_open_at_a_time(store: Store) -> None:
    await shown(store)
    await shown(store, "b")
    await store.submit(again("1"), rerolls=FREE)
    assert (await refused(store, again("2"), FREE)).rule == Rule.REROLL_OPEN
    job = await begin(store)
    assert (await refused(store, again("2"), FREE)).rule == Rule.REROLL_OPEN
    await finish(store, job)
    await store.submit(again("2"), rerolls=FREE)
    await store.submit(again("3", member=ZOE), rerolls=FREE)
    await store.submit(again("4", parent_id=2), rerolls=FREE)
    assert (await store.allowance(MIA, "guild")).left_ms == 120_000 - 5 * 2400


async def test_a_redelivered_reroll_is_no_second_one(store: Store) -> None:
    await shown(store)
    first = await store.submit(again("1"), rerolls=RerollSettings(cooldown_s=60))
    assert await store.submit(again("1"), rerolls=RerollSettings(cooldown_s=60)) == first


async def test_two_that_come_at_once_are_one_reroll(home: Home, clock: ManualClock, database: Database) -> None:
    async with await home.open() as other:
        stores = [Store(it, clock=clock, queue=QueueSettings(), quota=QuotaSettings()) for it in (database, other)]
        await shown(stores[0])
        for number in range(5):
            asks = [store.submit(again(f"{number} {index}"), rerolls=FREE) for index, store in enumerate(stores * 2)]
            outcomes = await asyncio.gather(*asks, return_exceptions=True)
            [one] = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
            assert all(isinstance(it, RequestRejected) for it in outcomes if it is not one)
            await stores[0].cancel(one.request_id, by=MIA)


async def test_a_member_waits_between_two_rerolls_whatever_their_films(store: Store, clock: ManualClock) -> None:
    await shown(store)
    await shown(store, "b")
    rules = RerollSettings(cooldown_s=60)
    await store.submit(again("1"), rerolls=rules)
    clock.pass_s(20)
    refusal = await refused(store, again("2", parent_id=2), rules)
    assert (refusal.rule, refusal.figures["wait_ms"]) == (Rule.REROLL_TOO_SOON, 40_000)
    await store.submit(again("3", parent_id=2, member=ZOE), rerolls=rules)
    clock.pass_s(40)
    await store.submit(again("2", parent_id=2), rerolls=rules)


async def test_a_wall_clock_that_is_set_back_keeps_nobody_from_rerolling(store: Store, clock: ManualClock) -> None:
    await shown(store)
    await shown(store, "b")
    rules = RerollSettings(cooldown_s=60)
    await store.submit(again("1"), rerolls=rules)
    clock.set_wall(-86_400)
    await store.submit(again("2", parent_id=2), rerolls=rules)


async def test_a_film_is_rerolled_so_often_in_all_and_rerolls_of_rerolls_count(store: Store) -> None:
    await shown(store)
    rules = RerollSettings(cooldown_s=0, per_film_max=3)
    await store.submit(again("1"), rerolls=rules)
    await finish(store, await begin(store))
    await store.submit(again("2", parent_id=2), rerolls=rules)
    gone = await store.submit(again("3", member=ZOE), rerolls=rules)
    assert (await refused(store, again("4", parent_id=2, member=ZOE), rules)).rule == Rule.REROLLED_OUT
    # What came to nothing is not counted.
    await store.cancel(gone.request_id, by=ZOE)
    await store.submit(again("4", parent_id=2, member=ZOE), rerolls=rules)


async def test_a_reroll_that_waits_is_taken_back_and_one_that_is_drawn_is_not(store: Store) -> None:
    await shown(store)
    assert await store.unreroll(1, by=MIA) is None
    await store.submit(again("1"), rerolls=FREE)
    await store.submit(again("2", member=ZOE), rerolls=FREE)
    assert await store.unreroll(1, by=LEO) is None
    assert await store.unreroll(1, by=MIA, place=ELSEWHERE) is None
    taken = await store.unreroll(1, by=MIA)
    assert taken is not None
    assert (taken.request_id, taken.state, taken.charged_ms) == (2, JobState.CANCELLED, 0)
    assert await store.unreroll(1, by=MIA) is None
    await begin(store)
    assert await store.unreroll(1, by=ZOE) is None


async def test_a_reroll_credits_who_asked_for_its_film_until_they_are_erased(store: Store) -> None:
    await shown(store)
    child = await store.submit(again("1", member=ZOE), rerolls=FREE)
    assert child.parent_member == MIA
    assert (await store.status(1)).parent_member is None
    await store.erase(MIA)
    assert (await store.status(child.request_id)).parent_member is None


@pytest.mark.parametrize(("by", "everyone"), [(MIA, False), (ZOE, True)])
async def test_requester_and_moderators_cover_a_film_at_once(store: Store, by: Member, everyone: bool) -> None:
    await shown(store)
    status = await store.hide(1, by=by, everyone=everyone, votes=3)
    assert (status.hidden, status.state, status.rev) == (True, JobState.DONE, 4)
    (item,) = await store.outbox_due()
    assert (item.rev, item.film_rev, item.film_ref) == (4, 3, message(1))
    await store.outbox_sent(1, 4)
    assert (await store.hide(1, by=by, everyone=everyone, votes=3)).rev == 4
    assert await store.outbox_due() == []


async def test_others_cover_a_film_together_and_each_counts_once(store: Store) -> None:
    await shown(store)
    for _ in range(3):
        assert not (await store.hide(1, by=ZOE, votes=2)).hidden
    assert not (await store.hide(1, by=ZOE, votes=2, place=ROOM)).hidden
    assert (await store.hide(1, by=LEO, votes=2)).hidden
    await store.outbox_sent(1, 4)


async def test_nobody_covers_what_is_not_there_or_stands_elsewhere(store: Store) -> None:
    await shown(store)
    with pytest.raises(UnknownRequest):
        await store.hide(1, by=MIA, everyone=True, votes=1, place=ELSEWHERE)
    with pytest.raises(UnknownRequest):
        await store.hide(9, by=MIA, votes=1)
    await store.submit(wish("b"))
    with pytest.raises(RequestRejected) as caught:
        await store.hide(2, by=MIA, votes=1)
    assert caught.value.rule == Rule.NO_FILM
    await store.let_go(1, by=MIA)
    with pytest.raises(RequestRejected):
        await store.hide(1, by=MIA, votes=1)


@pytest.mark.parametrize(("by", "everyone"), [(MIA, False), (ZOE, True)])
async def test_a_deleted_film_keeps_nothing_and_names_its_messages_once(
    store: Store, by: Member, everyone: bool
) -> None:
    await shown(store)
    await store.hide(1, by=ZOE, votes=9)
    assert await store.let_go(1, by=by, everyone=everyone) == (message(1),)
    status = await store.status(1)
    assert (status.state, status.purged, status.result, status.charged_ms) == (JobState.DONE, True, None, 2400)
    assert await store.request_of(message(1)) is None
    assert await store.blobs_named() == set()
    # Until it is gone from its chat it is named again.
    assert await store.let_go(1, by=by, everyone=everyone) == (message(1),)
    await store.removed(message(1))
    assert await store.let_go(1, by=by, everyone=everyone) == ()


async def test_a_film_deleted_before_it_was_shown_is_owed_to_nobody(store: Store) -> None:
    await store.submit(wish("a"))
    await finish(store, await begin(store))
    assert await store.let_go(1, by=MIA) == ()
    assert await store.outbox_due() == []
    with pytest.raises(UnknownRequest):
        await store.message_posted(1, MessageKind.FILM, message(1), 3)


@pytest.mark.parametrize(
    ("by", "everyone", "place"), [(LEO, False, ROOM), (LEO, True, ELSEWHERE), (MIA, False, ELSEWHERE)]
)
async def test_nobody_deletes_what_is_not_theirs(store: Store, by: Member, everyone: bool, place: Place) -> None:
    await shown(store)
    with pytest.raises(UnknownRequest):
        await store.let_go(1, by=by, everyone=everyone, place=place)
    with pytest.raises(UnknownRequest):
        await store.cancel(1, by=by, everyone=everyone, place=place)
    assert not (await store.status(1)).purged


async def test_what_is_open_is_cancelled_and_not_deleted(store: Store) -> None:
    await store.submit(wish("a"))
    with pytest.raises(RequestRejected) as caught:
        await store.let_go(1, by=MIA)
    assert caught.value.rule == Rule.STILL_OPEN
    await store.cancel(1, by=MIA)
    await store.let_go(1, by=MIA)
    assert (await store.status(1)).purged


async def test_a_request_belongs_to_a_person_on_any_platform(store: Store) -> None:
    await store.submit(wish("a"))
    assert await store.owns(1, replace(MIA, name="another name"))
    assert not await store.owns(1, LEO)
    assert not await store.owns(2, MIA)
