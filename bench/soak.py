"""`python -m bench.soak`: does the bot go on while its wall clock is set back and forth by days and years?

The product's own bot (store, relay, upkeep, supervisor) with its real engine beside it (the tiny model) works on films
that are asked for all the time. Its clock is stepped by a day, by 1000 days and by ten years, forward and back. Chores
run in shortened rhythms, so that each is due many times. Promises: every chore runs between any two steps; the event
loop is never late by more than 100 ms; every film is drawn and shown; nothing expires, nothing is purged; the store's
invariants hold at the end. The exit code is 1 where one is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from bench.kit.report import Report, Times
from storage.clock import SystemClock

if TYPE_CHECKING:
    from bot.app import House
    from bot.upkeep import Chore

TESTS = Path(__file__).parents[1] / "tests"
PICTURE = Path(__file__).parents[1] / "bot" / "pictures" / "example.jpg"
DAY_S = 86_400
STEPS_DAYS = (1, -1, 1000, -1000, -1, 1, -1000, 1000, 3652, -3652)
"""The clock is right again after all of them."""
CHORE_S_MAX = 5.0
FILM_EVERY_S = 20.0
SAMPLE_S = 0.01
LATE_MS_MAX = 100
PATIENCE_S = 300.0
NOTES = (
    "Bot and engine share the machine's cores with whatever else runs there. The clock is stepped in the bot's process "
    "alone: the engine's stays right. Chores run at least every 5 s instead of up to an hour."
)


@dataclass(slots=True)
class SteppedClock:
    """The machine's clock, some days off."""

    days: int = 0

    def now_ms(self) -> int:
        return SystemClock().now_ms() + self.days * DAY_S * 1000

    def lease_ms(self) -> int:
        return SystemClock().lease_ms()

    def boot_id(self) -> str:
        return SystemClock().boot_id()


def _stepped(clock: SteppedClock) -> type[datetime]:
    """The library's wall clock, stepped with ours: the machine's own cannot be set for one process."""

    class Stepped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(days=clock.days)

    return Stepped


@dataclass(slots=True)
class Loop:
    """How much later than asked the event loop comes back, and how long it worked without a break meanwhile.

    The second is its thread's own processor time: on a machine that others keep busy it waits for its turn as well.
    """

    late_ms: list[float] = field(default_factory=list)
    worked_ms: list[float] = field(default_factory=list)

    async def watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s, worked_s = loop.time() + SAMPLE_S, time.thread_time()
            await asyncio.sleep(SAMPLE_S)
            self.late_ms.append(1000 * max(0.0, loop.time() - due_s))
            self.worked_ms.append(1000 * (time.thread_time() - worked_s))


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m bench.soak", description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--save", action="store_true", help="keep the figures in bench/results/soak.md")
    chosen = options.parse_args(arguments)
    sys.path.insert(0, str(TESTS))
    # The engine's threads would spin for each other on the cores that the bot needs.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    report = Report()
    with tempfile.TemporaryDirectory(prefix="flipbook-soak-") as folder:
        asyncio.run(measure(report, Path(folder) / "data", chosen.minutes))
    if chosen.save:
        report.save("soak", command=f"python -m bench.soak --minutes {chosen.minutes:g}", notes=NOTES)
    return report.exit_code


async def measure(report: Report, folder: Path, minutes: float) -> None:
    from apscheduler.schedulers import base
    from botkit.recording import RecordingChat

    from bot import upkeep
    from bot.app import at_work, open_house
    from bot.supervisor import Patience
    from storage.invariants import violations
    from storage.keeping import Deleted
    from storage.settings import DataSettings, EngineSettings, QueueSettings, QuotaSettings, Settings

    settings = Settings(
        data=DataSettings(folder=folder, free_bytes_min=0, ballast_bytes=1_000_000),
        engine=EngineSettings(model="tiny", device="cpu", size=64, steps=1),
        queue=QueueSettings(queued_per_member_max=100),
        quota=QuotaSettings(burst_s=600, refill_s_per_day=600),
    )
    clock, chat, loop = SteppedClock(), RecordingChat(), Loop()
    for rhythm in ("RECLAIM_S", "PAUSE_S", "EXPIRE_S", "SWEEP_S", "BACKUP_CHECK_S", "SCRUB_S", "BALLAST_S"):
        setattr(upkeep, rhythm, min(getattr(upkeep, rhythm), CHORE_S_MAX))
    Deleted.PERIOD_S = min(Deleted.PERIOD_S, CHORE_S_MAX)
    base.datetime = _stepped(clock)
    async with open_house(settings, clock) as house, at_work(house, {"test": chat}, Patience()) as work:
        asked: list[int] = []
        companions = [asyncio.create_task(loop.watch()), asyncio.create_task(_ask(house, asked))]
        try:
            intervals = await _step(clock, work.chores, 60 * minutes, report)
        finally:
            for companion in companions:
                companion.cancel()
            await asyncio.gather(*companions, return_exceptions=True)
        states = await _ended(house, asked)
        shown = {message.view.status.request_id for message in chat.messages.values() if message.film}
        purged = [it for it in asked if (await house.store.status(it)).purged]
        broken = await violations(house.database, house.media)
        alive = not work.engine.done() and not work.relay.done()
    for number, chore in enumerate(work.chores):
        least = min(runs[number] for runs in intervals)
        figure = f"{chore.runs} runs, at least {least} between two steps"
        report.figure(f"chore “{chore.name}”", figure, promise="goes on", kept=least >= 1)
    late = Times([*loop.late_ms, 0.0, 0.0])
    worst = max(late.all_ms)
    figure = f"p50 {late.p50:5.1f} ms   p99 {late.p99:5.1f} ms   worst {worst:.0f} ms"
    report.figure("event loop late", figure, promise=f"at most {LATE_MS_MAX} ms", kept=worst <= LATE_MS_MAX)
    report.figure("event loop's own work", f"worst {max(loop.worked_ms):.0f} ms of processor time at a stretch")
    done = states.count("done")
    report.figure("films drawn", f"{done} of {len(asked)}", promise="all", kept=done == len(asked))
    report.figure("films shown", f"{len(shown)} of {len(asked)}", promise="all", kept=shown == set(asked))
    report.figure("films purged", len(purged), promise="none", kept=not purged)
    report.figure("engine and relay", "running" if alive else "ended", promise="running", kept=alive)
    report.figure("broken invariants", len(broken), promise="none", kept=not broken)


async def _step(clock: SteppedClock, chores: Sequence[Chore], all_s: float, report: Report) -> list[list[int]]:
    """Step the clock at even intervals; the runs of every chore in each interval."""
    every_s = all_s / (len(STEPS_DAYS) + 1)
    report.say(
        f"{all_s / 60:g} min, a step every {every_s:.0f} s: {', '.join(f'{days:+d}' for days in STEPS_DAYS)} days"
    )
    intervals: list[list[int]] = []
    for days in (*STEPS_DAYS, 0):
        before = [chore.runs for chore in chores]
        await asyncio.sleep(every_s)
        intervals.append([chore.runs - runs for chore, runs in zip(chores, before, strict=True)])
        clock.days += days
    return intervals


async def _ask(house: House, asked: list[int]) -> None:
    from bot.chat import Incoming
    from storage.jobs import Member, Place

    place = Place(platform="test", community_id="guild", chat_id="room")
    picture = await asyncio.to_thread(PICTURE.read_bytes)
    for number in itertools.count():
        member = Member(platform="test", user_id=str(number), name=f"member{number}")
        wanted = Incoming(
            idem=f"soak:{number}", member=member, place=place, picture=picture, prompt="zoom in", seconds="1.2"
        )
        asked.append((await house.desk.submit(wanted)).status.request_id)
        await asyncio.sleep(FILM_EVERY_S)


async def _ended(house: House, asked: list[int]) -> list[str]:
    """States of the films, once all have ended and the chat has been told, or after `PATIENCE_S`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while await house.store.queue(limit=1) or await house.store.outbox_due(limit=1):
                await house.store.changed(timeout_s=1)
    return [(await house.store.status(it)).state.value for it in asked]


if __name__ == "__main__":
    sys.exit(main())
