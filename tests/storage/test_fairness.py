"""Start-time fair queueing on a simulated card: nobody's long films or many films starve anybody."""

from __future__ import annotations

import heapq
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from storage.fairness import WEIGHT_ONE, corrected, share, tags

gpu = st.integers(1, 10**7)
weights = st.integers(1, 10 * WEIGHT_ONE)


class Card:
    """One card that draws what has the lowest start tag."""

    def __init__(self, weights: dict[str, int]) -> None:
        self.weights = weights
        self.virtual_ms = 0
        self.finish: defaultdict[str, int] = defaultdict(int)
        self.waiting: list[tuple[int, int, str, int]] = []
        self.spent: defaultdict[str, int] = defaultdict(int)

    def ask(self, member: str, gpu_ms: int) -> None:
        new = tags(
            virtual_ms=self.virtual_ms,
            finish=self.finish[member],
            est_ms=gpu_ms,
            weight_permille=self.weights[member],
        )
        self.finish[member] = new.finish
        heapq.heappush(self.waiting, (new.start, len(self.spent) + len(self.waiting), member, gpu_ms))

    def draw(self) -> str:
        start, _, member, gpu_ms = heapq.heappop(self.waiting)
        self.virtual_ms = max(self.virtual_ms, start)
        self.spent[member] += gpu_ms
        return member


@given(gpu, gpu, weights, st.integers(0, 10**12))
def test_members_own_requests_follow_one_another(first: int, second: int, weight: int, virtual: int) -> None:
    one = tags(virtual_ms=virtual, finish=0, est_ms=first, weight_permille=weight)
    two = tags(virtual_ms=virtual, finish=one.finish, est_ms=second, weight_permille=weight)
    assert one.start == virtual
    assert two.start == one.finish > one.start


@given(gpu, gpu, weights, st.integers(0, 10**12))
def test_correction_leaves_the_tag_that_the_truth_would_have_given(
    est: int, actual: int, weight: int, virtual: int
) -> None:
    guessed = tags(virtual_ms=virtual, finish=0, est_ms=est, weight_permille=weight)
    known = tags(virtual_ms=virtual, finish=0, est_ms=actual, weight_permille=weight)
    assert corrected(guessed.finish, est_ms=est, actual_ms=actual, weight_permille=weight) == known.finish


@given(gpu, weights)
def test_nothing_is_free(gpu_ms: int, weight: int) -> None:
    assert share(gpu_ms, weight) >= 1
    assert share(gpu_ms, WEIGHT_ONE) == gpu_ms


@given(st.integers(1, 20), st.integers(1, 20))
def test_busy_members_get_equal_time_whatever_the_length_of_their_films(long_s: int, short_s: int) -> None:
    card = Card({"long": WEIGHT_ONE, "short": WEIGHT_ONE})
    lengths = {"long": long_s * 1000, "short": short_s * 1000}
    for member, gpu_ms in lengths.items():
        card.ask(member, gpu_ms)
        card.ask(member, gpu_ms)
    for _ in range(200):
        member = card.draw()
        card.ask(member, lengths[member])
    assert abs(card.spent["long"] - card.spent["short"]) <= 2 * max(lengths.values())


def test_time_is_shared_by_weight() -> None:
    card = Card({"one": WEIGHT_ONE, "three": 3 * WEIGHT_ONE})
    for member in ("one", "three") * 2:
        card.ask(member, 1000)
    for _ in range(400):
        card.ask(card.draw(), 1000)
    assert abs(card.spent["three"] - 3 * card.spent["one"]) <= 4000


def test_newcomer_waits_for_one_film_of_a_hog_and_not_for_a_hundred() -> None:
    card = Card({"hog": WEIGHT_ONE, "light": WEIGHT_ONE})
    for _ in range(100):
        card.ask("hog", 60_000)
    for _ in range(50):
        card.draw()
    card.ask("light", 5_000)
    assert "light" in {card.draw(), card.draw()}


def test_time_of_absence_is_not_saved_up() -> None:
    card = Card({"away": WEIGHT_ONE, "busy": WEIGHT_ONE})
    for _ in range(50):
        card.ask("busy", 1000)
        card.draw()
    for _ in range(20):
        card.ask("away", 1000)
        card.ask("busy", 1000)
    drawn = [card.draw() for _ in range(10)]
    assert 4 <= drawn.count("busy") <= 6
