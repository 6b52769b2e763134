"""The real engine with the tiny set, killed within a step, after a segment and around the join: same film."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from crashkit import roles, tally
from crashkit.processes import Child
from crashkit.site import Site, site
from enginekit.processes import frames_of

from storage.jobs import JobState

POINTS = ("draw.block", "draw.segment", "draw.join.before", "draw.joined")
FILMS = 10
FILMS_LONG = 100
NEST_S = 120.0
"""For torch to be imported on a busy machine."""


@dataclass(slots=True)
class Nest:
    """Bears engines, one at a time."""

    here: Site
    child: Child
    names: itertools.count[int] = field(default_factory=itertools.count)

    def engine_killed(self, failpoints: str) -> None:
        """One life of an engine that ends at its failpoint, and what the supervisor then does."""
        name = f"engine-{next(self.names)}"
        self.child.tell(name, failpoints)
        assert (self.child.hear() or ("gone",))[0] == "born"
        assert self.child.hear() == ("ended", -9), self.child.words()
        self.here.lost += 1
        self.here.run(self.here.store.engine_died(name))

    def engine_finishes(self, film: int) -> None:
        self.child.tell(f"engine-{next(self.names)}", "")
        assert (self.child.hear() or ("gone",))[0] == "born"
        self.here.until_state(film, JobState.DONE)
        self.child.tell("stop")
        assert self.child.hear() == ("ended", 0), self.child.words()


def test_a_film_whose_engine_is_killed_at_every_turn_equals_the_uninterrupted_one(
    ground: Path, blank: Path, long: bool
):
    with site(ground, blank) as here:
        here.start_bot()
        nest = Nest(here, Child(roles.nest, here.terms))
        assert nest.child.hear(NEST_S) == ("ready",), nest.child.words()
        try:
            for number in range(FILMS_LONG if long else FILMS):
                if number == 0:
                    seed_film = here.accepted(seconds="2.4")
                    nest.engine_finishes(seed_film)
                    frames = _frames(here, seed_film)
                film = here.again(seed_film)
                # Each life gets further than the one before: another block, another segment, then the join.
                for point, arrival in (("draw.block", 3 + 4 * (number % 7)), *((point, 1) for point in POINTS[1:])):
                    nest.engine_killed(f"{point}=kill@{arrival}")
                    here.check()
                    tally.boundaries[point] += 1
                    tally.done["kills of the real engine"] += 1
                nest.engine_finishes(film)
                np.testing.assert_array_equal(_frames(here, film), frames)
        finally:
            nest.child.kill()
        here.until_done()
        here.check(rested=True)


def _frames(here: Site, film: int) -> np.ndarray:
    result = here.run(here.store.status(film)).result
    assert result is not None
    return frames_of(here.media.path(result.film))


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
