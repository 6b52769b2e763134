"""Retention that is cut short: what has ended goes in one piece, what is open stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from crashkit import tally
from crashkit.site import site

from storage.jobs import JobState


@pytest.mark.parametrize("point", ["store.write", "store.commit.before", "store.commit.after"])
def test_a_purge_that_is_killed_takes_nothing_of_what_is_open(point: str, ground: Path, blank: Path):
    with site(ground, blank) as here:
        here.start_bot()
        for _ in range(3):
            here.ask()
        here.come_to_rest()
        assert here.worker is not None
        assert here.worker.stop() == 0
        running, waiting = here.accepted(), here.accepted()
        worker = here.start_worker("worker.section.row=stop@1")
        here.frozen(worker)
        assert here.bot is not None
        here.bot.kill()
        for number in (1, 3):
            bot = here.start_bot()
            bot.kill()
            bot = here.start_bot(f"{point}=kill@{number}")
            bot.tell("purge")
            bot.killed()
            tally.boundaries[point] += 1
            tally.done[tally.KILLS] += 1
            here.check()
        assert here.tell_bot("purge")[0] == "purged"
        here.check()
        worker.go_on()
        for film in (running, waiting):
            assert here.until_state(film, JobState.DONE).state is JobState.DONE
        here.come_to_rest()
        here.check(rested=True)
