"""The quota follows the card: what it draws in some hours, as fast as it was seen to draw."""

from __future__ import annotations

import pytest
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, begin, drawn, wish

from storage.database import Database
from storage.errors import QuotaExceeded
from storage.settings import EngineSettings, FilmSettings, QueueSettings, QuotaSettings, Settings
from storage.store import Store
from storage.tariff import UsualFilm

TINY = UsualFilm(model="tiny", size=256, passes=6, default_ms=4800, longest_ms=120_000)
DEFAULT = QuotaSettings()
HOUR_MS = 3_600_000


async def store_where(
    database: Database, clock: ManualClock, *, section_ms: int, quota: QuotaSettings = DEFAULT
) -> Store:
    """A host on which one section was drawn, in so long."""
    fast = Store(database, clock=clock, queue=QueueSettings(), quota=QuotaSettings())
    await fast.submit(wish("measured", member=LEO, duration_ms=1200))
    job = await begin(fast)
    await fast.save_section(job.claim, drawn(job, 0, gpu_ms=section_ms))
    return Store(database, clock=clock, queue=QueueSettings(), quota=quota, usual=TINY)


@pytest.mark.parametrize(
    ("section_ms", "burst_ms"),
    [
        # 5 min a section: 24 of them in two hours.
        (300_000, 28_800),
        # However slow: one film of the default length.
        (HOUR_MS, 4800),
        # However fast: one film of the longest.
        (1000, 120_000),
        (0, 120_000),
    ],
)
async def test_the_burst_is_what_the_card_draws_in_two_hours(
    database: Database, clock: ManualClock, section_ms: int, burst_ms: int
) -> None:
    store = await store_where(database, clock, section_ms=section_ms)
    allowance = await store.allowance(MIA, "guild")
    assert (allowance.left_ms, allowance.burst_ms) == (burst_ms, burst_ms)
    assert allowance.refill_ms_per_day == burst_ms // 2
    assert allowance.card_ms == burst_ms * section_ms // 1200
    with pytest.raises(QuotaExceeded):
        await store.submit(wish("too long", duration_ms=burst_ms + 1200))
    await store.submit(wish("just right", duration_ms=burst_ms))


async def test_seconds_in_the_settings_win(database: Database, clock: ManualClock) -> None:
    named = QuotaSettings(burst_s=60, refill_s_per_day=1)
    store = await store_where(database, clock, section_ms=HOUR_MS, quota=named)
    allowance = await store.allowance(MIA, "guild")
    assert (allowance.left_ms, allowance.burst_ms, allowance.refill_ms_per_day) == (60_000, 60_000, 1000)


async def test_a_burst_that_shrinks_takes_nothing_twice(database: Database, clock: ManualClock) -> None:
    store = await store_where(database, clock, section_ms=300_000)
    await store.submit(wish("a", duration_ms=24_000))
    job = await begin(store)
    # The first sections show that the card is busy with something else: 8 s come to be 4.8 s, the least.
    for index in range(5):
        await store.save_section(job.claim, drawn(job, index, gpu_ms=10 * HOUR_MS))
    assert (await store.allowance(MIA, "guild")).burst_ms == 4800
    await store.cancel(2, by=MIA)
    assert (await store.cancelled(job.claim)).charged_ms == 6000
    # 18 s come back, of which the smaller bucket takes what it holds.
    assert (await store.allowance(MIA, "guild")).left_ms == 4800
    clock.pass_s(86_400)
    assert (await store.allowance(MIA, "guild")).left_ms == 4800


@pytest.mark.parametrize(
    ("model", "burst_ms"),
    # 25 passes of 30 s: 12.5 min a section, 9 of them in two hours.
    [("framepack", 10_800), ("framepack-f1", 10_800), ("little", 120_000)],
)
async def test_before_anything_is_drawn_the_models_card_says_how_fast(
    database: Database, clock: ManualClock, model: str, burst_ms: int
) -> None:
    settings = Settings(engine=EngineSettings(model=model))
    allowance = await Store.of(database, settings, clock).allowance(MIA, "guild")
    assert (allowance.burst_ms, allowance.card_ms) == (burst_ms, None)


def test_the_bounds_are_of_films_as_they_are_drawn() -> None:
    film = FilmSettings(seconds_default=1, seconds_max=10)
    usual = UsualFilm.of(Settings(engine=EngineSettings(model="framepack", steps=10, true_cfg_scale=2), film=film))
    assert (usual.default_ms, usual.longest_ms, usual.passes, usual.size) == (1200, 9600, 20, 640)
