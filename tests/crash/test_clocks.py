"""Clocks that are set while films are drawn, and a machine that boots: leases know neither hour nor day."""

from __future__ import annotations

from pathlib import Path

import pytest
from crashkit import tally
from crashkit.site import site

from storage.jobs import JobState

HOUR_S = 3600


@pytest.mark.parametrize("change_s", [HOUR_S, -HOUR_S, 24 * HOUR_S, -24 * HOUR_S])
def test_a_wall_clock_that_is_set_costs_nothing_and_delays_nothing(change_s: int, ground: Path, blank: Path):
    with site(ground, blank) as here:
        here.start_bot()
        finished, running = here.accepted(), here.accepted(seconds="3.6")
        assert here.bot is not None
        here.bot.kill()
        # No bot tells of the film that is done before the clock is set.
        worker = here.start_worker("worker.section.file=stop@3")
        here.frozen(worker)
        assert here.until_state(finished, JobState.DONE).state is JobState.DONE
        here.clock.set_wall(change_s)
        here.start_bot()
        assert here.tell_bot("reclaim") == ("rescued", 0)
        assert here.tell_bot("expire") == ("expired", 0)
        worker.go_on()
        assert here.until_state(running, JobState.DONE).state is JobState.DONE
        here.come_to_rest()
        here.check(rested=True)
        tally.done["wall clocks set"] += 1


def test_after_a_reboot_no_lease_holds_and_every_film_goes_on(ground: Path, blank: Path):
    with site(ground, blank) as here:
        here.start_bot()
        film = here.accepted()
        worker = here.start_worker("worker.section.row=stop@1")
        here.frozen(worker)
        for child in (here.bot, worker):
            assert child is not None
            child.kill()
        here.clock.reboot()
        here.start_bot()
        assert here.tell_bot("reclaim") == ("rescued", 1)
        here.lost += 1
        here.start_worker()
        assert here.until_state(film, JobState.DONE).state is JobState.DONE
        here.come_to_rest()
        here.check(rested=True)
        tally.done["reboots"] += 1
