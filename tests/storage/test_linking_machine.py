"""Linking and moving in the midst of everything else: whatever the order, the books add up."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, draw_all, film, wish
from storagekit.homes import homes

from bot.link import Links
from storage.database import Database
from storage.errors import FlipbookError
from storage.invariants import violations
from storage.jobs import Job, Place
from storage.settings import QueueSettings, QuotaSettings
from storage.store import Store

QUEUE = QueueSettings(queued_per_member_max=50)
QUOTA = QuotaSettings(burst_s=30, refill_s_per_day=60)
PEOPLE = (MIA, LEO, replace(MIA, user_id="42", name="Zoe"), replace(LEO, user_id="43", name="Eve"))
CHATS = ("-1", "-2", "-3")

who = st.integers(0, len(PEOPLE) - 1)
where = st.sampled_from(CHATS)
STEPS = st.one_of(
    st.tuples(st.just("submit"), who, where),
    st.tuples(st.just("link"), who, who),
    st.tuples(st.just("move"), where, where),
    st.tuples(st.just("cancel"), who, st.integers(1, 6)),
    st.tuples(st.just("erase"), who, st.none()),
    st.tuples(st.sampled_from(("begin", "finish", "hour")), st.none(), st.none()),
)


def test_the_books_add_up_in_any_order(kind: str, request: pytest.FixtureRequest) -> None:
    fresh = homes(kind, request)

    @settings(max_examples=25 if kind == "sqlite" else 8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(STEPS, min_size=4, max_size=25))
    def holds(steps: list[tuple[str, object, object]]) -> None:
        asyncio.run(play(steps))

    async def play(steps: list[tuple[str, object, object]]) -> None:
        with fresh() as (home, clock):
            async with await home.open() as database:
                await on(database, clock, steps)

    async def on(database: Database, clock: ManualClock, steps: list[tuple[str, object, object]]) -> None:
        store = Store(database, clock=clock, queue=QUEUE, quota=QUOTA)
        jobs: list[Job] = []
        for number, (what, one, other) in enumerate(steps):
            with suppress(FlipbookError):
                await act(store, clock, jobs, number, what, one, other)
            assert await violations(database, None) == []
            await one_quota_each(store)

    holds()


async def act(
    store: Store, clock: ManualClock, jobs: list[Job], number: int, what: str, one: object, other: object
) -> None:
    match what, one, other:
        case "submit", int(person), str(chat):
            member = PEOPLE[person]
            place = Place(platform=member.platform, community_id=chat, chat_id=chat)
            await store.submit(wish(f"key {number}", member=member, place=place))
        case "link", int(person), int(friend):
            links = Links(store)
            await links.redeem(PEOPLE[person], (await links.offer(PEOPLE[friend])).code)
        case "move", str(old), str(new):
            await store.move_chat("telegram", old, new)
        case "cancel", int(person), int(request_id):
            await store.cancel(request_id, by=PEOPLE[person])
        case "erase", int(person), None:
            await store.erase(PEOPLE[person])
        case "begin", _, _:
            if (job := await store.claim("card-0")) is not None:
                jobs.append(job)
        case "finish", _, _:
            if jobs:
                job = jobs.pop()
                await draw_all(store, job)
                await store.complete(job.claim, film(job.claim.request_id))
        case _:
            clock.pass_s(3600)


async def one_quota_each(store: Store) -> None:
    """Who has the same films is one person: the same is left to them wherever they ask; never more than the burst."""
    shares: dict[tuple[int, ...], set[int]] = {}
    for member in PEOPLE:
        films = tuple(status.request_id for status in await store.history(member))
        left = {(await store.allowance(member, chat)).left_ms for chat in CHATS}
        assert max(left) <= 30_000
        if films in shares and films:
            assert len(left) == 1
            assert left == shares[films]
        shares[films] = left
