"""The fairness bench keeps its promises, and would say so where the store's order were another one."""

from __future__ import annotations

import pytest

from bench import fairness


def test_promises_of_fairness_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert fairness.main(["--seeds", "2"]) == 0
    assert capsys.readouterr().out.count("kept") == 2


@pytest.mark.parametrize("other", [fairness.FirstCome, fairness.TakingTurns])
def test_another_order_breaks_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], other: type[fairness.Order]
) -> None:
    monkeypatch.setitem(fairness.ORDERS, "start-time fair (the store)", other)
    assert fairness.main(["--seeds", "2"]) == 1
    assert "BROKEN" in capsys.readouterr().out


def test_every_film_is_drawn_once_and_never_before_it_was_asked_for() -> None:
    films = fairness.house(seed=7)
    for make in fairness.ORDERS.values():
        drawn = fairness.draw(films, make(), cards=fairness.CARDS)
        assert sorted(map(id, films)) == sorted(id(it.film) for it in drawn)
        assert min(it.wait_ms for it in drawn) >= 0
