"""A request whose turn would come too late is refused at once, free of charge; one that comes soon enough is not."""

from __future__ import annotations

import re

import pytest
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, begin, draw_all, drawn, film, finish, wish

from storage.database import Database
from storage.errors import QueueFull, Rule
from storage.jobs import JobState, Request
from storage.settings import QueueSettings, QuotaSettings
from storage.store import Store

HOUR_MS = 3_600_000
QUEUE = QueueSettings(wait_hours_promised_max=3.0)


@pytest.fixture
def store(database: Database, clock: ManualClock) -> Store:
    return Store(database, clock=clock, queue=QUEUE, quota=QuotaSettings())


async def measure(store: Store) -> None:
    """A section takes an hour: the card learns it from a film of one."""
    await store.submit(wish("measured", member=LEO, duration_ms=1200))
    job = await begin(store)
    await store.save_section(job.claim, drawn(job, 0, gpu_ms=HOUR_MS))
    await store.complete(job.claim, film(job.claim.request_id, gpu_ms=HOUR_MS))


def hours(name: str, sections: int = 1, **options: object) -> Request:
    return wish(name, duration_ms=1200 * sections, **options)  # type: ignore[arg-type]


async def refused(store: Store, new: Request) -> QueueFull:
    """By both who decide, with the same words, and nothing of it stays."""
    before = await store.allowance(new.member, "guild")
    history = await store.history(new.member)
    with pytest.raises(QueueFull) as early:
        await store.foresee(new.idem, new.member, new.place, new.params.duration_ms)
    with pytest.raises(QueueFull) as late:
        await store.submit(new)
    assert (str(early.value), early.value.figures) == (str(late.value), late.value.figures)
    assert await store.allowance(new.member, "guild") == before
    assert await store.history(new.member) == history
    assert late.value.rule is Rule.WAIT_TOO_LONG
    return late.value


async def test_nobody_is_refused_while_nothing_is_measured(database: Database, clock: ManualClock) -> None:
    queue = QueueSettings(wait_hours_promised_max=0.000_001)
    store = Store(database, clock=clock, queue=queue, quota=QuotaSettings())
    for number in range(5):
        assert (await store.submit(wish(str(number)))).wait_ms is None


async def test_what_would_wait_for_too_long_is_refused_with_the_figures(store: Store) -> None:
    await measure(store)
    assert (await store.submit(hours("a", 3))).wait_ms == 0
    # Exactly as long as is promised.
    assert (await store.submit(hours("b"))).wait_ms == 3 * HOUR_MS
    error = await refused(store, hours("c"))
    assert error.figures == {"wait_ms": 4 * HOUR_MS, "most_ms": 3 * HOUR_MS}
    assert re.fullmatch(r"Your film would wait about 4 h, and at most 3 h are promised here: .*", str(error))
    # The same update again is no new request.
    assert (await store.submit(hours("b"))).request_id == 3


async def test_whoever_is_in_turn_soon_is_taken_however_long_the_line_is(store: Store) -> None:
    await measure(store)
    for name in "abcd":
        await store.submit(hours(name))
    await refused(store, hours("e"))
    # Leo had his hour already, so two of Mia's films come first; what else she asks for is no affair of his.
    assert (await store.submit(hours("leo", 20, member=LEO))).wait_ms == 2 * HOUR_MS


async def test_everything_that_leaves_the_line_makes_room(store: Store, clock: ManualClock) -> None:
    await measure(store)
    for name in "abcd":
        await store.submit(hours(name))
    await refused(store, hours("e"))
    await store.cancel(5, by=MIA)
    await store.submit(hours("e"))
    await refused(store, hours("f"))
    await finish(store, await begin(store))
    await store.submit(hours("f"))
    clock.pass_s(49 * 3600)
    assert await store.expire() == 4
    assert (await store.submit(hours("g", 9))).wait_ms == 0


async def test_a_film_under_way_counts_with_what_is_left_of_it(store: Store) -> None:
    await measure(store)
    await store.submit(hours("a", 4))
    job = await begin(store)
    await refused(store, hours("b"))
    await store.save_section(job.claim, drawn(job, 0, gpu_ms=HOUR_MS))
    assert (await store.submit(hours("b"))).wait_ms == 3 * HOUR_MS


async def test_two_cards_draw_a_line_in_half_the_time(store: Store) -> None:
    await measure(store)
    await store.submit(hours("a", 3))
    await begin(store, "card-0")
    await store.submit(hours("leo", 2, member=LEO))
    await begin(store, "card-1")
    for name in "bc":
        await store.submit(hours(name))
    # Five hours under way and one before it, by two cards.
    assert (await store.status(5)).wait_ms == 3 * HOUR_MS
    await refused(store, hours("d"))


async def test_a_longer_line_than_is_counted_is_taken_as_a_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.store.waiting.COUNTED_MAX", 2)
    await measure(store)
    for name in "abcd":
        await store.submit(hours(name))
    assert (await refused(store, hours("e"))).figures["wait_ms"] == 4 * HOUR_MS


async def test_a_request_that_returns_to_its_place_is_never_refused(store: Store) -> None:
    await measure(store)
    for name in "abcd":
        await store.submit(hours(name))
    job = await begin(store)
    await store.submit(hours("leo", member=LEO))
    await draw_all(store, job)
    assert (await store.release(job.claim)).state is JobState.QUEUED
