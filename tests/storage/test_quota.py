"""The token bucket: what may be taken, what comes back, and what people are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import QuotaExceeded
from storage.quota import DAY_MS, Bucket, Rate, about, seconds

RATE = Rate(burst_ms=120_000, refill_ms_per_day=60_000)
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


@given(levels, st.integers(1, 130_000), moments, rates)
def test_refusal_names_the_moment_when_it_will_work(level: int, need: int, at: int, rate: Rate) -> None:
    bucket = Bucket(level_ms=level, at_ms=at).refilled(rate, at)
    if need <= bucket.level_ms:
        assert bucket.take(need, rate).level_ms == bucket.level_ms - need
        return
    with pytest.raises(QuotaExceeded) as raised:
        bucket.take(need, rate)
    refused = raised.value
    assert (refused.left_ms, refused.needed_ms) == (bucket.level_ms, need)
    if refused.back_at_ms is None:
        assert need > rate.burst_ms or rate.refill_ms_per_day == 0
        return
    assert bucket.refilled(rate, refused.back_at_ms).take(need, rate).level_ms >= 0
    with pytest.raises(QuotaExceeded):
        bucket.refilled(rate, refused.back_at_ms - 1).take(need, rate)


@given(levels, st.integers(1, 120_000))
def test_what_is_taken_and_put_back_is_as_before(level: int, need: int) -> None:
    bucket = Bucket(level_ms=level, at_ms=0)
    if need <= level:
        assert bucket.take(need, RATE).put_back(need, RATE) == bucket


@pytest.mark.parametrize(
    ("left_ms", "need_ms", "rate", "sentence"),
    [
        (
            4000,
            5000,
            Rate(burst_ms=120_000, refill_ms_per_day=12_000),
            "You have 4 s of film left and this one needs 5 s. Try 4 s, or come back in about 2 h.",
        ),
        (
            400,
            2500,
            RATE,
            "You have 0.4 s of film left and this one needs 2.5 s. Come back in about 51 min.",
        ),
        (
            3000,
            130_000,
            RATE,
            "You have 3 s of film left and this one needs 130 s. Try 3 s, or save up to at most 120 s.",
        ),
        (
            0,
            5000,
            Rate(burst_ms=120_000, refill_ms_per_day=0),
            "You have 0 s of film left and this one needs 5 s.",
        ),
    ],
)
def test_refusal_is_a_sentence_with_a_way_out(left_ms: int, need_ms: int, rate: Rate, sentence: str) -> None:
    with pytest.raises(QuotaExceeded) as refused:
        Bucket(level_ms=left_ms, at_ms=0).take(need_ms, rate)
    assert str(refused.value) == sentence


@given(st.integers(0, 10**9))
def test_waits_are_never_told_shorter_than_they_are(ms: int) -> None:
    number, unit = about(ms).removeprefix("about ").split()
    assert int(number) * {"min": 60_000, "h": 3_600_000, "days": DAY_MS}[unit] >= ms


@given(st.integers(0, 10**9))
def test_film_time_is_never_told_longer_than_it_is(ms: int) -> None:
    told = round(float(seconds(ms).removesuffix(" s")) * 1000)
    assert ms - 100 < told <= ms
