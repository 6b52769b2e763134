"""The token bucket: what may be taken, what comes back, and what people are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import QuotaExceeded
from storage.quota import DAY_MS, Bucket, Purse, Rate, Tariff, about, seconds
from storage.settings import QuotaSettings

RATE = Rate(burst_ms=120_000, refill_ms_per_day=60_000)
TARIFF = Tariff(community=RATE, person=RATE)
moments = st.integers(0, 10**13)
waits = st.integers(0, 40 * DAY_MS)
levels = st.integers(0, 120_000)
rates = st.builds(Rate, burst_ms=st.integers(1, 10**7), refill_ms_per_day=st.integers(0, 10**7))


@given(levels, moments, st.lists(st.integers(0, DAY_MS), max_size=20), rates)
def test_looking_often_gives_what_looking_once_gives(level: int, at: int, steps: list[int], rate: Rate) -> None:
    stepwise = Bucket(level_ms=min(level, rate.burst_ms), at_ms=at)
    once = stepwise.refilled(rate, at + sum(steps))
    now = at
    for step in steps:
        now += step
        stepwise = stepwise.refilled(rate, now)
    # Each look may keep back less than a millisecond's worth of time; it is never lost for good.
    assert 0 <= once.level_ms - stepwise.level_ms <= 1


@given(levels, moments, waits, rates)
def test_bucket_never_leaves_its_bounds(level: int, at: int, wait: int, rate: Rate) -> None:
    bucket = Bucket(level_ms=level, at_ms=at).refilled(rate, at + wait)
    assert 0 <= bucket.level_ms <= rate.burst_ms
    assert bucket.put_back(10**9, rate).level_ms == rate.burst_ms


@given(levels, moments, waits)
def test_clock_that_goes_back_gives_nothing(level: int, at: int, back: int) -> None:
    bucket = Bucket(level_ms=level, at_ms=at).refilled(RATE, at - back)
    assert bucket.level_ms == level
    assert bucket.refilled(RATE, at - back) == bucket


@given(levels, levels, st.integers(1, 130_000), moments, rates, rates)
def test_refusal_names_the_moment_when_it_will_work(
    level: int, other: int, need: int, at: int, here: Rate, everywhere: Rate
) -> None:
    tariff = Tariff(community=here, person=everywhere)
    purse = Purse(community=Bucket(level_ms=level, at_ms=at), person=Bucket(level_ms=other, at_ms=at))
    purse = purse.refilled(tariff, at)
    if need <= purse.left_ms:
        after = purse.take(need, tariff)
        assert after.community.level_ms == purse.community.level_ms - need
        assert after.person.level_ms == purse.person.level_ms - need
        return
    with pytest.raises(QuotaExceeded) as raised:
        purse.take(need, tariff)
    refused = raised.value
    assert (refused.left_ms, refused.needed_ms, refused.everywhere) == (purse.left_ms, need, purse.everywhere)
    if refused.back_at_ms is None:
        assert any(need > rate.burst_ms or rate.refill_ms_per_day == 0 for rate in (here, everywhere))
        return
    assert purse.refilled(tariff, refused.back_at_ms).take(need, tariff).left_ms >= 0
    with pytest.raises(QuotaExceeded):
        purse.refilled(tariff, refused.back_at_ms - 1).take(need, tariff)


@given(levels, levels, st.integers(1, 120_000))
def test_what_is_taken_and_put_back_is_as_before(level: int, other: int, need: int) -> None:
    purse = Purse(community=Bucket(level_ms=level, at_ms=0), person=Bucket(level_ms=other, at_ms=0))
    if need <= purse.left_ms:
        assert purse.take(need, TARIFF).put_back(need, TARIFF) == purse


def test_seconds_in_the_settings_win_and_the_rest_follows_the_burst() -> None:
    assert Tariff.of(QuotaSettings(), default_ms=9600) == Tariff(
        community=Rate(burst_ms=9600, refill_ms_per_day=4800), person=Rate(burst_ms=9600, refill_ms_per_day=4800)
    )
    named = QuotaSettings(burst_s=100, refill_s_per_day=10, person_burst_s=250)
    assert Tariff.of(named, default_ms=9600) == Tariff(
        community=Rate(burst_ms=100_000, refill_ms_per_day=10_000),
        person=Rate(burst_ms=250_000, refill_ms_per_day=25_000),
    )


@pytest.mark.parametrize(
    ("left_ms", "everywhere_ms", "need_ms", "rate", "sentence"),
    [
        (
            4000,
            4000,
            4800,
            Rate(burst_ms=120_000, refill_ms_per_day=12_000),
            "You have 4 s of film left and this one needs 4.8 s. Try 3.6 s, or come back in about 2 h.",
        ),
        (
            400,
            400,
            2400,
            RATE,
            "You have 0.4 s of film left and this one needs 2.4 s. Come back in about 48 min.",
        ),
        (
            3000,
            2900,
            129_600,
            RATE,
            "You have 2.9 s of film left in all communities together and this one needs 129.6 s. "
            "Try 2.4 s, or save up to at most 120 s.",
        ),
        (
            0,
            600,
            4800,
            Rate(burst_ms=120_000, refill_ms_per_day=0),
            "You have 0 s of film left and this one needs 4.8 s.",
        ),
    ],
)
def test_refusal_is_a_sentence_with_a_way_out(
    left_ms: int, everywhere_ms: int, need_ms: int, rate: Rate, sentence: str
) -> None:
    purse = Purse(community=Bucket(level_ms=left_ms, at_ms=0), person=Bucket(level_ms=everywhere_ms, at_ms=0))
    with pytest.raises(QuotaExceeded) as refused:
        purse.take(need_ms, Tariff(community=rate, person=rate))
    assert str(refused.value) == sentence


@given(st.integers(0, 10**9))
def test_waits_are_never_told_shorter_than_they_are(ms: int) -> None:
    number, unit = about(ms).removeprefix("about ").split()
    assert int(number) * {"min": 60_000, "h": 3_600_000, "days": DAY_MS}[unit] >= ms


@given(st.integers(0, 10**9))
def test_film_time_is_never_told_longer_than_it_is(ms: int) -> None:
    told = round(float(seconds(ms).removesuffix(" s")) * 1000)
    assert ms - 100 < told <= ms
