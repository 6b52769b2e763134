"""No member has more films under way than they may, whoever races; the next in turn goes first instead."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import text
from storagekit import workload
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, begin, finish, wish
from storagekit.homes import Home

from storage.database import Database
from storage.dispatch.embedded import EmbeddedDispatch
from storage.jobs import Member
from storage.settings import QueueSettings, QuotaSettings
from storage.store import Store
from storage.store.members import submit
from storage.store.transitions import Terms

ONE = QueueSettings(running_per_member_max=1)


def one_each(database: Database, clock: ManualClock) -> Store:
    return Store(database, clock=clock, queue=ONE, quota=QuotaSettings())


async def test_a_member_who_is_alone_may_have_two_cards_and_not_three(store: Store) -> None:
    for number in range(3):
        await store.submit(wish(str(number)))
    assert [(await begin(store, card)).claim.request_id for card in ("card-0", "card-1")] == [1, 2]
    assert await store.claim("card-2") is None


async def test_who_has_enough_under_way_is_passed_over_and_comes_first_again_after(
    database: Database, clock: ManualClock
) -> None:
    store = one_each(database, clock)
    await store.submit(wish("a"))
    await store.submit(wish("b"))
    first = await begin(store, "card-0")
    # Leo comes later and starts later.
    clock.pass_s(60)
    for number in range(2):
        await store.submit(wish(f"leo {number}", member=LEO))
    await database.write(lambda db: db.execute(text("UPDATE request SET sfq_start = id")))
    assert (await begin(store, "card-1")).claim.request_id == 3
    assert await store.claim("card-2") is None
    await finish(store, first)
    assert (await begin(store, "card-0")).claim.request_id == 2


async def test_every_way_out_of_running_makes_room(database: Database, clock: ManualClock) -> None:
    store = one_each(database, clock)
    await store.submit(wish("a"))
    await store.submit(wish("b"))
    await store.release((await begin(store)).claim)
    await begin(store)
    await store.engine_died("card-0")
    job = await begin(store)
    assert job.claim.request_id == 1
    await store.cancel(1, by=MIA)
    await store.cancelled(job.claim)
    assert (await begin(store)).claim.request_id == 2
    assert (await store.erase(MIA)).cancelled == (2,)


async def test_all_communities_and_linked_platforms_count_together(database: Database, clock: ManualClock) -> None:
    store = one_each(database, clock)
    elsewhere = replace(wish("x").place, community_id="another guild")
    await store.submit(wish("a"))
    await store.submit(wish("b", place=elsewhere))
    await store.submit(wish("c", member=LEO))
    for card in ("card-0", "card-1"):
        await begin(store, card)
    await store.submit(wish("d", member=LEO))
    # Leo turns out to be Mia: both films go on, and count for one.
    code = hashlib.sha256(b"code").hexdigest()
    await store.offer_link(MIA, code)
    await store.redeem_link(LEO, code)
    await store.engine_died("card-0")
    assert await store.claim("card-2") is None
    await store.engine_died("card-1")
    await begin(store, "card-2")


async def test_an_engine_that_waits_wakes_when_a_films_end_makes_room(
    home: Home, database: Database, clock: ManualClock
) -> None:
    store = one_each(database, clock)
    await store.submit(wish("a"))
    await store.submit(wish("b"))
    job = await begin(store, "card-0")
    async with await home.open() as other:
        idle = one_each(other, clock)
        while await idle.changed(timeout_s=0):
            pass
        assert await idle.claim("card-1") is None
        waiter = asyncio.create_task(idle.changed(timeout_s=60))
        await finish(store, job)
        assert await waiter
        assert (await begin(idle, "card-1")).claim.request_id == 2


class ByNumber(EmbeddedDispatch):
    """A dispatch that knows nothing of who asked."""

    async def next(self, *, running_max: int) -> int:  # type: ignore[override]
        return 2


async def test_a_dispatch_by_number_is_held_to_it_too(database: Database, clock: ManualClock) -> None:
    store = Store(database, clock=clock, queue=ONE, quota=QuotaSettings(), dispatch=ByNumber(database))
    await store.submit(wish("a"))
    await store.submit(wish("b"))
    await begin(one_each(database, clock))
    assert await store.claim("card-1") is None
    await store.engine_died("card-0")
    assert (await begin(store)).claim.request_id == 2


async def test_two_connections_never_begin_two_of_one_member(
    home: Home, database: Database, clock: ManualClock
) -> None:
    async with await home.open() as other:
        stores = [one_each(it, clock) for it in (database, other)]
        for number in range(30):
            member = replace(MIA, user_id=str(number))
            for name in "ab":
                await stores[0].submit(wish(f"{number} {name}", member=member, duration_ms=1200))
            jobs = await asyncio.gather(*(store.claim("card-0") for store in stores))
            (job,) = [job for job in jobs if job is not None]
            await stores[0].cancel(2 * number + 1, by=member)
            await stores[0].cancel(2 * number + 2, by=member)
            await stores[0].cancelled(job.claim)


async def test_two_processes_begin_one_film_of_each_of_60_members(database: Database, home: Home) -> None:
    """Each member's films follow one another in the line: both processes want the same member's all the time."""
    terms = Terms(
        clock=ManualClock(),
        queue=workload.LONG_QUEUE,
        quota=workload.GENEROUS,
        dispatch=EmbeddedDispatch(database),
    )
    members: Sequence[Member] = [replace(MIA, user_id=str(number // 3)) for number in range(180)]
    wishes = [wish(str(number), member=member, duration_ms=1200) for number, member in enumerate(members)]
    await database.write(lambda db: [submit(db, terms, it) for it in wishes])
    await database.write(lambda db: db.execute(text("UPDATE request SET sfq_start = 0")))
    claimers = [await workload.start("claim", *home.arguments(), f"card-{number}", "1") for number in range(2)]
    claimed = [(await claimer.communicate())[0].split() for claimer in claimers]
    assert [claimer.returncode for claimer in claimers] == [0, 0]
    begun = Counter(members[int(number) - 1].user_id for side in claimed for number in side)
    assert begun == Counter({str(number): 1 for number in range(60)})
