"""Processes of their own, to race with and to be killed: `python -m storagekit.workload claim|live HOME …`."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from storage.clock import SystemClock
from storage.database import Database
from storage.settings import QueueSettings, QuotaSettings
from storage.store import MessageKind, Store
from storagekit.films import MIA, draw_all, film, message, wish
from storagekit.homes import Home

GENEROUS = QuotaSettings(burst_s=1_000_000, refill_s_per_day=60)
MANY = 100_000
LONG_QUEUE = QueueSettings(queued_max=MANY, queued_per_member_max=MANY, running_per_member_max=MANY)


async def start(*arguments: str) -> asyncio.subprocess.Process:
    """This module as a process, whose words can be read."""
    tests = Path(__file__).parents[1]
    path = os.pathsep.join([str(tests), str(tests.parent)])
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )


def open_store(database: Database, queue: QueueSettings = LONG_QUEUE) -> Store:
    return Store(database, clock=SystemClock(), queue=queue, quota=GENEROUS)


async def claim(home: Home, worker: str, running_max: int) -> None:
    """Claim until nothing more can be; say which requests."""
    async with await home.open() as database:
        store = open_store(database, LONG_QUEUE.model_copy(update={"running_per_member_max": running_max}))
        while (job := await store.claim(worker)) is not None:
            say(job.claim.request_id)


async def live(home: Home, die_at: int) -> None:
    """Go through films from wish to message, say what was acknowledged, and die at a statement or a commit."""
    async with await home.open() as database:
        store = open_store(database)
        kill_at(die_at)
        for number in itertools.count():
            say("accepted", (await store.submit(wish(f"{os.getpid()}.{number}"))).request_id)
            await store.engine_died("card-0")
            while (job := await store.claim("card-0")) is not None:
                await draw_all(store, job)
                if number % 3 == 2:
                    await store.cancel(job.claim.request_id, by=MIA)
                    await store.cancelled(job.claim)
                else:
                    await store.complete(job.claim, film(job.claim.request_id))
                say("ended", job.claim.request_id)
            for item in await store.outbox_due():
                await store.message_posted(item.request_id, MessageKind.STATUS, message(item.request_id), item.rev)
                await store.outbox_sent(item.request_id, item.rev)


def kill_at(count: int) -> None:
    """This process dies, without a word, when that many statements and commits have begun."""
    left = itertools.count(count, -1)

    def tick(*_: Any) -> None:
        if next(left) == 0:
            # Windows has no SIGKILL; its SIGTERM ends a process just as rudely.
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    event.listen(Engine, "before_cursor_execute", tick)
    event.listen(Engine, "commit", tick)


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["claim", folder, address, worker, running_max]:
            asyncio.run(claim(Home.of(folder, address), worker, int(running_max)))
        case ["live", folder, address, die_at]:
            asyncio.run(live(Home.of(folder, address), int(die_at)))
        case other:
            sys.exit(f"unknown: {other}")
