"""`python -m bench.fairness`: whose film is drawn when, in twenty days of a busy house?

Two cards, somewhat more work than they can do, and one member who asks for a hundred films at once each day. The
order is the store's own: `storage/fairness.py` gives the tags, `storage/quota.py` the film time. First come first
served and taking turns member by member stand beside it. Promises: light members wait at most a tenth of what they
would in a plain line; a member of long films and one of short films get equal time on the card. The exit code is 1
where one is broken.
"""

from __future__ import annotations

import argparse
import heapq
import random
import statistics
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.kit.report import Report
from storage import fairness
from storage.errors import QuotaExceeded
from storage.fairness import WEIGHT_ONE
from storage.quota import DAY_MS, Bucket, Purse, Rate, Tariff

DAYS = 20
CARDS = 2
LOAD = 1.06
LIGHT_MEMBERS = 40
HOG = "hog"
HOG_FILMS = 100
"""At once, each morning."""
QUEUED_AHEAD = 5
"""Films that a member who always wants another one has waiting."""
FILM_MS = 5_000
LONG_MS, SHORT_MS = 60_000, 3_600
GPU_PER_FILM_MS = 100.0
"""Milliseconds on the card for one of film, in the middle."""
ERROR = 0.3
"""Of an estimate: half or more of the films take longer or shorter than foreseen."""
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    member: str
    asked_ms: int
    film_ms: int
    est_ms: int
    gpu_ms: int


class Order(Protocol):
    """Which film is next."""

    def add(self, film: Film) -> None: ...

    def next(self) -> Film: ...

    def done(self, film: Film) -> None: ...

    def __len__(self) -> int: ...


class FirstCome:
    def __init__(self) -> None:
        self._line: deque[Film] = deque()

    def add(self, film: Film) -> None:
        self._line.append(film)

    def next(self) -> Film:
        return self._line.popleft()

    def done(self, film: Film) -> None:
        pass

    def __len__(self) -> int:
        return len(self._line)


class TakingTurns:
    """One film of each member who has any, round and round."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Film]] = {}

    def add(self, film: Film) -> None:
        self._lines.setdefault(film.member, deque()).append(film)

    def next(self) -> Film:
        member, line = next(iter(self._lines.items()))
        del self._lines[member]
        film = line.popleft()
        if line:
            self._lines[member] = line
        return film

    def done(self, film: Film) -> None:
        pass

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))


class StartTimeFair:
    """The store's order: lowest start tag, then first come; what a film really took corrects its member's finish."""

    def __init__(self) -> None:
        self._virtual_ms = 0
        self._finish: defaultdict[str, int] = defaultdict(int)
        self._line: list[tuple[int, int, Film]] = []
        self._count = 0

    def add(self, film: Film) -> None:
        tags = fairness.tags(
            virtual_ms=self._virtual_ms,
            finish=self._finish[film.member],
            est_ms=film.est_ms,
            weight_permille=WEIGHT_ONE,
        )
        self._finish[film.member] = tags.finish
        self._count += 1
        heapq.heappush(self._line, (tags.start, self._count, film))

    def next(self) -> Film:
        start, _, film = heapq.heappop(self._line)
        self._virtual_ms = max(self._virtual_ms, start)
        return film

    def done(self, film: Film) -> None:
        self._finish[film.member] = fairness.corrected(
            self._finish[film.member], est_ms=film.est_ms, actual_ms=film.gpu_ms, weight_permille=WEIGHT_ONE
        )

    def __len__(self) -> int:
        return len(self._line)


ORDERS: dict[str, Callable[[], Order]] = {
    "first come, first served": FirstCome,
    "taking turns": TakingTurns,
    "start-time fair (the store)": StartTimeFair,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    film: Film
    began_ms: int

    @property
    def wait_ms(self) -> int:
        return self.began_ms - self.film.asked_ms


def draw(films: Sequence[Film], order: Order, *, cards: int) -> list[Drawn]:
    """Every film as the cards get to it, in time."""
    asked = deque(sorted(films, key=lambda film: film.asked_ms))
    busy: list[tuple[int, int, Film]] = []
    drawn: list[Drawn] = []
    now_ms = 0
    while asked or order or busy:
        ends = busy[0][0] if busy else None
        if asked and (ends is None or asked[0].asked_ms <= ends):
            now_ms = asked[0].asked_ms
            order.add(asked.popleft())
        else:
            now_ms, _, film = heapq.heappop(busy)
            order.done(film)
        while order and len(busy) < cards and (not asked or asked[0].asked_ms > now_ms):
            film = order.next()
            drawn.append(Drawn(film=film, began_ms=now_ms))
            heapq.heappush(busy, (now_ms + film.gpu_ms, len(drawn), film))
    return drawn


def house(seed: int) -> list[Film]:
    """Light members who ask now and then, and the hog; together LOAD times what the cards can do."""
    chance = random.Random(seed)
    hog = [_film(chance, HOG, day * DAY_MS + number, FILM_MS) for day in range(DAYS) for number in range(HOG_FILMS)]
    wanted_ms = LOAD * CARDS * DAYS * DAY_MS - sum(film.gpu_ms for film in hog)
    light: list[Film] = []
    while wanted_ms > 0:
        member = f"member {chance.randrange(LIGHT_MEMBERS)}"
        light.append(_film(chance, member, chance.randrange(DAYS * DAY_MS)))
        wanted_ms -= light[-1].gpu_ms
    return hog + light


def _film(chance: random.Random, member: str, asked_ms: int, film_ms: int | None = None) -> Film:
    film_ms = film_ms or chance.choice((FILM_MS, FILM_MS, FILM_MS, 2 * FILM_MS, 4 * FILM_MS))
    est_ms = round(film_ms * GPU_PER_FILM_MS)
    return Film(
        member=member,
        asked_ms=asked_ms,
        film_ms=film_ms,
        est_ms=est_ms,
        gpu_ms=round(est_ms * chance.lognormvariate(0, ERROR)),
    )


def card_time_share(order: Order, seed: int) -> float:
    """Of the member of long films, against one of short films, who both always want another one."""
    chance = random.Random(seed)
    wanted = {"long": LONG_MS, "short": SHORT_MS}
    used = dict.fromkeys(wanted, 0)
    for _ in range(QUEUED_AHEAD):
        for member, film_ms in wanted.items():
            order.add(_film(chance, member, 0, film_ms))
    while (now_ms := sum(used.values())) < DAYS * DAY_MS:
        film = order.next()
        order.add(_film(chance, film.member, now_ms, film.film_ms))
        used[film.member] += film.gpu_ms
        order.done(film)
    return used["long"] / sum(used.values())


def within_allowance(films: Iterable[Film]) -> list[Film]:
    """Those that the store's token bucket would accept."""
    rate = Rate(burst_ms=120_000, refill_ms_per_day=60_000)
    tariff = Tariff(community=rate, person=rate)
    purses: dict[str, Purse] = {}
    accepted: list[Film] = []
    for film in sorted(films, key=lambda film: film.asked_ms):
        full = Bucket(level_ms=rate.burst_ms, at_ms=film.asked_ms)
        held = purses.get(film.member, Purse(community=full, person=full)).refilled(tariff, film.asked_ms)
        purses[film.member] = held
        try:
            purses[film.member] = held.take(film.film_ms, tariff)
        except QuotaExceeded:
            continue
        accepted.append(film)
    return accepted


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m bench.fairness", description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--seeds", type=int, default=5, help="houses, each of them twenty days")
    options.add_argument("--save", action="store_true", help="keep the figures in bench/results/fairness.md")
    chosen = options.parse_args(arguments)
    report = Report()
    houses = [house(seed) for seed in range(chosen.seeds)]
    report.say(
        f"{chosen.seeds} houses of {DAYS} days, {CARDS} cards, load {LOAD}, {LIGHT_MEMBERS} light members, "
        f"one who asks for {HOG_FILMS} films at once each day; about {len(houses[0])} films in all"
    )
    report.say(f"{'waits in minutes':<30} {'light p50':>10} {'light p95':>10} {'hog p50':>10} {'long : all':>11}")
    light: dict[str, float] = {}
    shares: dict[str, float] = {}
    for name, make in ORDERS.items():
        drawn = [it for films in houses for it in draw(films, make(), cards=CARDS)]
        waits = [it.wait_ms / MINUTE_MS for it in drawn if it.film.member != HOG]
        hog = statistics.median(it.wait_ms / MINUTE_MS for it in drawn if it.film.member == HOG)
        light[name] = statistics.median(waits)
        shares[name] = statistics.fmean(card_time_share(make(), seed) for seed in range(chosen.seeds))
        p95 = statistics.quantiles(waits, n=20)[18]
        report.say(f"{name:<30} {light[name]:>10.1f} {p95:>10.1f} {hog:>10.1f} {shares[name]:>11.3f}")
    plain, _, fair = ORDERS
    ratio = light[fair] / light[plain]
    report.figure("light members, of a plain line", f"{ratio:.3f}", promise="≤ 0.1", kept=ratio <= 0.1)
    share = shares[fair]
    report.figure("long films' share of the card", f"{share:.3f}", promise="0.50 ± 0.03", kept=abs(share - 0.5) <= 0.03)
    accepted = within_allowance(houses[0])
    report.figure(
        "allowed by the token bucket",
        f"{len(accepted)} of {len(houses[0])} films, of the hog's {sum(film.member == HOG for film in accepted)}",
    )
    if chosen.save:
        report.save("fairness", command="python -m bench.fairness", notes=NOTES)
    return report.exit_code


NOTES = (
    "A simulation, the same on every machine: its chances are seeded. Waits and shares come from the store's own "
    "arithmetic. The last line says what the default allowance would have let in; the orders are compared without it, "
    "because it would keep the hog out and leave nothing to compare."
)

if __name__ == "__main__":
    sys.exit(main())
