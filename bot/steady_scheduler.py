"""APScheduler's asyncio scheduler, in intervals that no setting of the wall clock changes.

APScheduler 3 compares the time of each job's next run with the wall clock. A clock that is set back stops all jobs
until it catches up, and one that is set forward by years has the library list every missed run, on the event loop. Here
an interval begins anew at each run, and no next run is further off than its job's interval: a clock that was set
costs at most one interval, or one run before its time.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.schedulers import base  # pyright: ignore[reportMissingTypeStubs]
from apscheduler.schedulers.asyncio import AsyncIOScheduler  # pyright: ignore[reportMissingTypeStubs]
from apscheduler.triggers.base import BaseTrigger  # pyright: ignore[reportMissingTypeStubs]

LOOK_S_MAX = 60.0
"""Between two looks at what is due, counted on the monotonic clock."""


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

    def add(self, job: Callable[[], Awaitable[None]], trigger: Every, *, name: str) -> None:
        """Run `job` whenever `trigger` fires."""
        self.add_job(job, trigger, name=name)  # pyright: ignore[reportUnknownMemberType]

    def clear(self) -> None:
        """Start no job any more. Runs under way go on."""
        self.remove_all_jobs()  # pyright: ignore[reportUnknownMemberType]

    def _all(self) -> list[Any]:
        return self.get_jobs()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    def _process_jobs(self) -> float:
        """Bring near what a clock that was set back has moved away, then start what is due.

        Returns seconds until the next look.
        """
        # The library's own idea of now. A clock that is set between this line and the library's look is met at the
        # next one: nothing is remembered of it that could be wrong by then.
        now = base.datetime.now(UTC)
        for job in self._all():
            if job.next_run_time > now + job.trigger.interval:
                job.modify(next_run_time=now + job.trigger.interval)
        wait_s: float | None = super()._process_jobs()
        return LOOK_S_MAX if wait_s is None else min(wait_s, LOOK_S_MAX)
