"""`flipbook pause`, `resume` and `requeue`: the owner's word to a bot that runs, through nothing but the store."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from bot import exits
from bot.installation import chosen
from storage.clock import SystemClock
from storage.database import FILE_NAME, Database
from storage.errors import DatabaseRefused
from storage.jobs import Down, JobState, Pause
from storage.program import program
from storage.settings import Settings
from storage.store import Store

GIVE_BACK_WAIT_S = 30.0
"""An engine hears of the pause within two seconds and halts at its next block."""
RUNNING_SHOWN = 20


def pause(options: argparse.Namespace) -> int:
    """Until films that run are given back, so that the owner knows when to begin to play."""

    async def work(settings: Settings) -> tuple[Pause, list[int]]:
        async with _store(settings) as store:
            held = await store.pause(for_ms=options.for_ms)
            return held, await _still_drawn(store)

    held, running = asyncio.run(work(chosen(options)))
    _say(_of_pause(held, running))
    return exits.DONE if not running else exits.FAILED


def resume(options: argparse.Namespace) -> int:
    async def work(settings: Settings) -> bool:
        async with _store(settings) as store:
            return await store.resume()

    ended = asyncio.run(work(chosen(options)))
    _say(iter(["Films are drawn again." if ended else "There was no pause: nothing changes."]))
    return exits.DONE


def requeue(options: argparse.Namespace) -> int:
    """Raises UnknownRequest, RequestRejected, QueueFull: what cannot be queued again stays as it is."""

    async def work(settings: Settings) -> str:
        async with _store(settings) as store:
            status = await store.requeue(options.id)
            return f"Request {options.id} waits again, as request {status.request_id} at place {status.position}."

    _say(iter([asyncio.run(work(chosen(options)))]))
    return exits.DONE


def pause_line(held: Pause) -> str:
    """In the owner's own time."""
    until = f"until `{program()} resume`" if held.until_ms is None else f"until {_time(held.until_ms)}"
    return f"paused since {_time(held.since_ms)}, {until}: requests are accepted, nothing is drawn"


def down_line(down: Down) -> str:
    """In the owner's own time."""
    return f"down since {_time(down.since_ms)}, tried again by itself: {down.reason}"


@asynccontextmanager
async def _store(settings: Settings) -> AsyncGenerator[Store]:
    folder = settings.data.folder
    if settings.data.database is None and not (folder / FILE_NAME).is_file():
        raise DatabaseRefused(f"There is no database in {folder}: no bot has run there yet.")
    async with await Database.open(folder, settings.data.database) as database:
        yield Store.of(database, settings, SystemClock())


async def _still_drawn(store: Store) -> list[int]:
    """Requests that no engine has given back when the wait is over."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + GIVE_BACK_WAIT_S
    while True:
        line = await store.queue(limit=RUNNING_SHOWN)
        running = [status.request_id for status in line if status.state is JobState.RUNNING]
        if not running or not await store.changed(timeout_s=deadline_s - loop.time()):
            return running


def _of_pause(held: Pause, running: list[int]) -> Iterator[str]:
    line = pause_line(held)
    yield f"{line[:1].upper()}{line[1:]}."
    if running:
        numbers = ", ".join(map(str, running))
        yield f"Still being drawn: {numbers}. An engine that lives gives it back soon; without one its lease must end."
    else:
        yield "No film is being drawn now. Those that were keep their place, and go on where they stopped."


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def _say(lines: Iterator[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
