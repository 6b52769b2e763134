"""Every boundary between two durable steps, hit by a real kill; the promises hold each time and once all is done."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from crashkit import tally
from crashkit.site import site

BOT = (
    "store.write",
    "store.commit.before",
    "store.commit.after",
    "media.written",
    "media.rename.before",
    "media.renamed",
    "media.kept",
    "desk.kept",
    "relay.send.before",
    "relay.sent",
    "relay.recorded",
    "relay.shown",
)
TWO_CALLS = (
    "desk.kept",
    "relay.line",
    "relay.begun",
    "relay.sent",
    "relay.recorded",
    "relay.shown",
    "store.commit.after",
)
"""Where the platform knows no nonce: the status stands before the request, the film goes into a line of its own."""
WORKER = (
    "store.write",
    "store.commit.before",
    "store.commit.after",
    "media.written",
    "media.rename.before",
    "media.renamed",
    "media.kept",
    "worker.claimed",
    "worker.beat",
    "worker.section.file",
    "worker.section.row",
    "worker.settle",
)
KILLS = 13
"""For each: 31 campaigns come to 403 kills."""
KILLS_LONG = 417
FOLDER_KILLS = 30
"""After so many the folder is begun anew: judging costs time that grows with it."""
SEED = 20_261_123


@pytest.mark.parametrize("point", BOT)
def test_a_bot_killed_there_loses_and_doubles_nothing(point: str, ground: Path, blank: Path, long: bool):
    campaign("bot", point, ground, blank, KILLS_LONG if long else KILLS)


@pytest.mark.parametrize("point", TWO_CALLS)
def test_a_bot_killed_on_a_platform_without_nonces_shows_each_film_once(
    point: str, ground: Path, blank: Path, long: bool
):
    campaign("bot", point, ground, blank, KILLS_LONG if long else KILLS, two_calls=True)


@pytest.mark.parametrize("point", WORKER)
def test_a_worker_killed_there_loses_and_doubles_nothing(point: str, ground: Path, blank: Path, long: bool):
    campaign("worker", point, ground, blank, KILLS_LONG if long else KILLS)


def test_films_that_kill_too_many_workers_fail_and_are_paid_back(ground: Path, blank: Path):
    with site(ground, blank, tries_max=2) as here:
        here.start_bot()
        films = [here.ask() for _ in range(3)]
        for _ in range(2 * len(films)):
            here.start_worker("worker.section.file=kill@1").killed()
            tally.boundaries["worker.section.file"] += 1
            tally.done[tally.KILLS] += 1
            here.bury_worker()
            here.check()
        here.come_to_rest()
        here.check(rested=True)
        states = {str(here.run(here.store.status(here.acknowledged()[film])).state) for film in films}
        assert states == {"failed"}


def campaign(role: str, point: str, ground: Path, blank: Path, kills: int, *, two_calls: bool = False) -> None:
    """One process after another, each killed at its n-th arrival; the rest of the house goes on."""
    chance = random.Random(f"{SEED} {role} {point}")
    for number in range(0, kills, FOLDER_KILLS):
        with site(ground / str(number), blank, two_calls=two_calls) as here:
            if role == "bot":
                here.start_worker()
            else:
                here.start_bot()
            for _ in range(min(FOLDER_KILLS, kills - number)):
                failpoint = f"{point}=kill@{_arrival(chance, point)}"
                child = here.start_bot(failpoint) if role == "bot" else here.start_worker(failpoint)
                here.keep_busy_until_killed(child)
                if role == "worker":
                    here.bury_worker()
                else:
                    here.bot_kills += 1
                here.check()
                tally.boundaries[point] += 1
                tally.done[tally.KILLS] += 1
            here.come_to_rest()
            here.check(rested=True)


def _arrival(chance: random.Random, point: str) -> int:
    """Commits are of many kinds, which take turns; elsewhere one arrival is much like the next."""
    return chance.randint(1, 12) if point.startswith("store.") else chance.randint(1, 3)
