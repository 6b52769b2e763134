"""APScheduler's asyncio scheduler, in intervals that no setting of the wall clock changes.

APScheduler 3 compares the time of each job's next run with the wall clock. A clock that is set back stops all jobs
until it catches up, and one that is set forward by years has the library list every missed run, on the event loop. Here
the times of the next runs follow the wall clock wherever it is set, an interval begins anew at each run, and no next
run is ever further off than its job's interval.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from apscheduler.schedulers import base  # pyright: ignore[reportMissingTypeStubs]
from apscheduler.schedulers.asyncio import AsyncIOScheduler  # pyright: ignore[reportMissingTypeStubs]
from apscheduler.triggers.base import BaseTrigger  # pyright: ignore[reportMissingTypeStubs]

STEP_S = 1.0
"""A difference to the monotonic clock that grows by more than this at once is a clock that was set."""
LOOK_S_MAX = 60.0
"""Between two looks at what is due: a clock that is set during a look is noticed at the next one."""


class Every(BaseTrigger):
    """Fires at once, then `interval` after each run that is due. Missed runs are never counted up."""

    def __init__(self, interval_s: float) -> None:
        self.interval = timedelta(seconds=interval_s)

    def get_next_fire_time(  # pyright: ignore[reportIncompatibleMethodOverride] - the library has no types
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime:
        return now if previous_fire_time is None else now + self.interval


class SteadyScheduler(AsyncIOScheduler):
    """One run of each job at a time; a start that comes while a run is under way is left out."""

    def __init__(self) -> None:
        # A start that is left out is no news: the library would warn of each.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._ahead_s = _wall_ahead_s()

    def add(self, job: Callable[[], Awaitable[None]], trigger: Every, *, name: str) -> None:
        """Run `job` whenever `trigger` fires."""
        self.add_job(job, trigger, name=name)  # pyright: ignore[reportUnknownMemberType]

    def clear(self) -> None:
        """Start no job any more. Runs under way go on."""
        self.remove_all_jobs()  # pyright: ignore[reportUnknownMemberType]

    def _all(self) -> list[Any]:
        return self.get_jobs()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    def _process_jobs(self) -> float:
        """Move the next runs with the wall clock, then start what is due. Returns seconds until the next look."""
        ahead_s = _wall_ahead_s()
        step_s, self._ahead_s = ahead_s - self._ahead_s, ahead_s
        if abs(step_s) > STEP_S:
            # A clock that was set between our reading and the library's, at the look before, has moved the runs that
            # were due then already: the bound keeps them from being moved twice.
            now = base.datetime.now(UTC)
            for job in self._all():
                moved = job.next_run_time + timedelta(seconds=step_s)
                job.modify(next_run_time=min(moved, now + job.trigger.interval))
        wait_s: float | None = super()._process_jobs()
        return LOOK_S_MAX if wait_s is None else min(wait_s, LOOK_S_MAX)


def _wall_ahead_s() -> float:
    """Wall clock less monotonic clock: constant but for settings of the former. The library's own idea of now."""
    return base.datetime.now(UTC).timestamp() - monotonic()
