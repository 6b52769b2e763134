"""Processes that stand still for longer than their lease and then go on, as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import pytest
from crashkit import roles, tally
from crashkit.journal import Journal
from crashkit.processes import PATIENCE_S, Child, until
from crashkit.site import Site, site

from storage.jobs import JobState

POINTS = ("worker.claimed", "worker.section.file", "worker.section.row", "worker.settle", "media.kept", "store.write")
ZOMBIES_EACH = 4
RESCUERS = 6
IN_REAL_TIME = 2
REFUSED_S = 20.0
"""A beat comes every two seconds at the latest."""


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_that_stood_still_for_longer_than_its_lease_is_refused(
    point: str, ground: Path, blank: Path, long: bool
):
    """Half of them come back while another worker draws, half when it has finished."""
    with site(ground, blank) as here:
        here.start_bot()
        for number in range(ZOMBIES_EACH * (20 if long else 1)):
            raise_zombie(here, point, early=number % 2 == 0)
        here.come_to_rest()
        here.check(rested=True)


def test_a_rescuer_that_stood_still_does_not_end_the_next_attempt(ground: Path, blank: Path, long: bool):
    with site(ground, blank) as here:
        here.start_bot()
        for _ in range(RESCUERS * (20 if long else 1)):
            film = here.accepted(seconds="3.6")
            first = here.start_worker("worker.section.file=stop@1")
            here.frozen(first)
            here.clock.pass_lease(here.terms.lease_s + 1)
            rescuer = Child(roles.rescuer, here.terms, failpoints="store.write=stop@1").ready()
            rescuer.tell("reclaim")
            rescuer.stopped()
            # The bot may have been told twice: a restarted one is.
            assert here.tell_bot("reclaim")[0] == "rescued"
            assert here.run(here.store.status(film)).state is JobState.QUEUED
            here.lost += 1
            second = here.start_worker("worker.section.file=stop@1")
            here.frozen(second)
            rescuer.go_on()
            assert rescuer.hear() == ("rescued", 0)
            assert rescuer.stop() == 0
            second.go_on()
            assert here.until_state(film, JobState.DONE).state is JobState.DONE
            first.go_on()
            refused(here, film)
            assert (first.stop(), second.stop()) == (0, 0)
            here.check()
            tally.done["zombies refused"] += 1
        here.come_to_rest()
        here.check(rested=True)


def test_a_worker_that_really_slept_through_its_lease_is_refused(ground: Path, blank: Path):
    with site(ground, blank, lease_s=0.5, shared_clock=False) as here:
        here.start_bot()
        for _ in range(IN_REAL_TIME):
            film = here.accepted(seconds="3.6")
            first = here.start_worker("worker.section.file=stop@1")
            here.frozen(first)
            until(lambda: here.tell_bot("reclaim")[1] == 1, "the lease does not end", PATIENCE_S)
            here.lost += 1
            second = here.start_worker()
            here.until_state(film, JobState.DONE)
            first.go_on()
            refused(here, film)
            assert (first.stop(), second.stop()) == (0, 0)
            here.check()
            tally.done["zombies refused"] += 1
        here.come_to_rest()
        here.check(rested=True)


def raise_zombie(here: Site, point: str, *, early: bool) -> None:
    film = here.accepted(seconds="3.6")
    # A worker's first write is its claim.
    first = here.start_worker(f"{point}=stop@{3 if point == 'store.write' else 1}")
    here.frozen(first)
    here.clock.pass_lease(here.terms.lease_s + 1)
    assert here.tell_bot("reclaim") == ("rescued", 1)
    here.lost += 1
    # Where everything is drawn, all that the next attempt has left is the end.
    left = "worker.settle=stop@1" if point == "worker.settle" else "worker.section.file=stop@1"
    second = here.start_worker(left if early else "")
    if early:
        here.frozen(second)
        first.go_on()
        refused(here, film)
        here.check()
        second.go_on()
    assert here.until_state(film, JobState.DONE).state is JobState.DONE
    if not early:
        first.go_on()
        refused(here, film)
    assert (first.stop(), second.stop()) == (0, 0)
    here.check()
    tally.done["zombies refused"] += 1


def refused(here: Site, film: int) -> None:
    """Wait until the first attempt has been told that it is over."""
    journal = Journal(here.terms.folder / "refused.jsonl")
    until(
        lambda: any((line["request"], line["epoch"]) == (film, 1) for line in journal.lines()),
        f"the first attempt at request {film} was not refused",
        REFUSED_S,
    )
