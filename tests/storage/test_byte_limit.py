"""The search for a quality that fits: it ends soon, keeps what fits, and gives up no more than it must."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.byte_limit import Search, Step


def run(search: Search, excess_at_18: float, halves_per_step: float) -> list[tuple[Step, float]]:
    tried: list[tuple[Step, float]] = []
    while (step := search.next_step()) is not None:
        excess = excess_at_18 * 2 ** (-(step.place - 18) * halves_per_step)
        search.learn(step, excess)
        tried.append((step, excess))
    return tried


@given(
    excess=st.floats(1.001, 5000),
    halves_per_step=st.floats(0.08, 0.6),
    sides=st.tuples(st.integers(32, 480), st.integers(32, 480)).map(lambda halves: (2 * halves[0], 2 * halves[1])),
)
def test_the_search_ends_soon_and_keeps_the_best_that_fits(
    excess: float, halves_per_step: float, sides: tuple[int, int]
) -> None:
    search = Search(excess=excess, sides=sides)

    tried = run(search, excess, halves_per_step)

    assert len(tried) <= 5
    places = [step.place for step, _ in tried]
    assert len(set(places)) == len(places), "a film was encoded twice in one way"
    fitting = [step for step, reached in tried if reached <= 1]
    assert search.found == min(fitting, key=lambda step: step.place, default=None)
    for step, _ in tried:
        assert 18 < step.crf <= 34
        assert step.crf == 34 or step.sides == sides
        assert min(step.sides) >= min(126, *sides)
        assert step.sides[0] % 2 == step.sides[1] % 2 == 0


def test_a_usual_film_needs_one_try() -> None:
    search = Search(excess=3.0, sides=(704, 544))
    tried = run(search, 3.0, 1 / 6)
    assert len(tried) == 1
    assert search.found is not None
    assert search.found.sides == (704, 544)


def test_sides_shrink_only_after_the_lowest_quality_did_not_fit() -> None:
    search = Search(excess=20.0, sides=(704, 544))
    tried = run(search, 20.0, 1 / 6)
    assert [step.crf for step, _ in tried] == [34, 34]
    assert tried[0][0].sides == (704, 544)
    assert search.found is not None
    assert search.found.sides < (704, 544)


def test_nothing_bearable_is_found_where_nothing_fits() -> None:
    search = Search(excess=10_000.0, sides=(704, 544))
    assert run(search, 10_000.0, 1 / 6)
    assert search.found is None
