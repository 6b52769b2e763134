"""A throttle by a clock of its own: each key for itself, within bounds."""

from __future__ import annotations

from bot.throttle import Throttle


def test_each_key_has_a_turn_in_each_span() -> None:
    now = [100.0]
    throttle = Throttle[str](60, keys_max=10, monotonic=lambda: now[0])
    assert throttle.take("mia")
    assert not throttle.take("mia")
    assert throttle.take("ben")
    now[0] += 59.9
    assert not throttle.due("mia")
    now[0] += 0.1
    assert throttle.take("mia")
    assert not throttle.due("mia")


def test_what_is_refused_does_not_begin_the_span_anew() -> None:
    now = [0.0]
    throttle = Throttle[int](60, keys_max=10, monotonic=lambda: now[0])
    assert throttle.take(1)
    for now[0] in (20.0, 40.0, 59.0):
        assert not throttle.take(1)
    now[0] = 60.0
    assert throttle.take(1)


def test_the_longest_ago_is_forgotten_first() -> None:
    now = [0.0]
    throttle = Throttle[int](1000, keys_max=2, monotonic=lambda: now[0])
    for now[0], key in enumerate((1, 2, 3)):
        assert throttle.take(key)
    assert throttle.due(1)
    assert not throttle.due(2)
    assert not throttle.due(3)
