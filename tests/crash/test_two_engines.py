"""Two engines on one queue, and a foreign program that holds the database."""

from __future__ import annotations

import time
from pathlib import Path

from crashkit import roles, tally
from crashkit.chat import PLATFORM
from crashkit.processes import Child
from crashkit.site import Site, site

from storage.jobs import FilmParams, JobState, Member, Place, Request, Schedule

JOBS = 2000
RACE_S = 400
LOCKED_S = 15


def test_two_engines_racing_over_one_queue_share_it_without_a_clash(ground: Path, blank: Path):
    with site(ground, blank) as here:
        here.run(_fill(here))
        workers = [Child(roles.worker, here.terms, f"racer-{number}").ready() for number in range(2)]
        here.worker = workers[0]

        async def emptied() -> None:
            while await here.store.queue(limit=1):
                await here.store.changed(timeout_s=1)

        here.run(_within(RACE_S, emptied()))
        assert [worker.stop() for worker in workers] == [0, 0]
        here.check()
        rows = here.run(here.database.read(_attempts))
        assert sum(count for _, _, count in rows) == JOBS
        assert {outcome for _, outcome, _ in rows} == {"done"}
        shares = {worker: count for worker, _, count in rows}
        assert min(shares.values()) > JOBS / 10, shares
        tally.done["jobs raced over by two engines"] += JOBS
        tally.notes.append(f"the race ended {' to '.join(str(count) for count in shares.values())}")


def test_a_foreign_lock_of_fifteen_seconds_is_waited_out(ground: Path, blank: Path):
    """Longer than a writer waits (10 s): what fails meanwhile was not acknowledged, and comes again."""
    with site(ground, blank) as here:
        here.start_bot()
        here.accepted()
        here.start_worker("worker.section.file=stop@1")
        assert here.worker is not None
        here.frozen(here.worker)
        locker = Child(roles.locker, here.terms)
        assert locker.hear() == ("locked",)
        since_s = time.monotonic()
        here.worker.go_on()
        here.ask(wait=False)
        refused = here.answered()
        assert refused is None or (refused[0] == "refused" and "the host's database is busy" in refused[2].lower())
        assert time.monotonic() - since_s > 9
        assert here.bot is not None
        locker.hear(LOCKED_S - (time.monotonic() - since_s))
        locker.stop()
        tally.notes.append(f"the foreign lock was held for {time.monotonic() - since_s:.0f} s")
        if not here.worker.alive:
            here.bury_worker()
        here.come_to_rest()
        here.check(rested=True)
        assert here.run(here.database.read(_states)) == {JobState.DONE: 2}
        tally.done["foreign locks waited out"] += 1


async def _fill(here: Site) -> None:
    """Two thousand films of one section."""
    picture = here.media.put_bytes(roles.picture(), ".png")
    for number in range(JOBS):
        idem = f"update-{number}"
        here.sent[idem] = (f"user-{number % 7}", "1.2")
        params = FilmParams(
            prompt=idem,
            picture=picture,
            duration_ms=1200,
            seed=number,
            model="tiny",
            schedule=Schedule.INVERTED,
            steps=2,
            size=64,
        )
        member = Member(platform=PLATFORM, user_id=f"user-{number % 7}", name="x")
        place = Place(platform=PLATFORM, community_id="guild", chat_id="room")
        await here.store.submit(Request(idem=idem, member=member, place=place, params=params))


async def _within(seconds: float, work: object) -> None:
    import asyncio

    async with asyncio.timeout(seconds):
        await work  # type: ignore[misc]


def _attempts(db: object) -> list[tuple[str, str, int]]:
    query = "SELECT worker, outcome, count(*) FROM attempt GROUP BY worker, outcome"
    return [tuple(row) for row in db.exec_driver_sql(query)]  # type: ignore[attr-defined]


def _states(db: object) -> dict[str, int]:
    return dict(db.exec_driver_sql("SELECT state, count(*) FROM request GROUP BY state").all())  # type: ignore[attr-defined]
