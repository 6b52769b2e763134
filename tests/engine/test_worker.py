"""A drawing thread that hears nothing, a card that only the end of a process frees: films must not suffer for it."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from storagekit import films
from storagekit.homes import Home

from engine.worker import EXIT_PAUSED, Worker
from storage.clock import SystemClock
from storage.jobs import JobState
from storage.settings import QueueSettings, QuotaSettings
from storage.store import Store

DEAF = """
import asyncio, sys, threading
from pathlib import Path
from engine.studio import Studio
from engine.worker import Worker
from storage.clock import SystemClock
from storage.database import Database
from storage.media import Media
from storage.settings import DataSettings, QueueSettings, QuotaSettings, Settings
from storage.store import Store

class Deaf(Studio):
    def draw(self, job, link, keep_section):
        loop.call_soon_threadsafe(drawing.set)
        threading.Event().wait()

async def main():
    global loop, drawing
    loop, drawing, stop = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    folder = Path(sys.argv[1])
    settings = Settings(data=DataSettings(folder=folder, free_bytes_min=0))
    database = await Database.open(folder, sys.argv[4] or None)
    store = Store(database, clock=SystemClock(), queue=QueueSettings(), quota=QuotaSettings())
    worker = Worker(
        name="deaf", store=store, studio=Deaf(settings, Media(folder)), lease_s=60, stall_s=float(sys.argv[2]),
        progress_interval_s=1, stop_wait_s=0.2,
    )
    async def stop_while_drawing():
        await drawing.wait()
        match sys.argv[3]:
            case "stop":
                stop.set()
            case "pause":
                await store.pause()
    await asyncio.gather(worker.serve(stop), stop_while_drawing())

asyncio.run(main())
"""


async def left_by(home: Home, *, stall_s: float, wish: str, code: int) -> tuple[JobState, bool]:
    """State and interruption of a request after a deaf engine's process ended with this exit code."""
    database = await home.open()
    try:
        store = Store(database, clock=SystemClock(), queue=QueueSettings(), quota=QuotaSettings())
        request_id = (await store.submit(films.wish("a"))).request_id
        folder, address = home.arguments()
        command = [sys.executable, "-c", DEAF, folder, str(stall_s), wish, address]
        done = subprocess.run(command, cwd=Path(__file__).parents[2], timeout=120, capture_output=True, check=False)
        assert done.returncode == code, done.stderr
        await store.engine_died("deaf")
        status = await store.status(request_id)
        return status.state, status.interrupted
    finally:
        await database.close()


async def test_a_stop_gives_the_film_back_even_where_the_thread_hears_nothing(home: Home):
    for _ in range(2):  # as often as there are tries
        assert await left_by(home, stall_s=600, wish="stop", code=0) == (JobState.QUEUED, True)


async def test_a_thread_without_progress_ends_its_process(home: Home):
    assert await left_by(home, stall_s=0.1, wish="none", code=75) == (JobState.QUEUED, True)


async def test_a_pause_gives_the_film_back_even_where_the_thread_hears_nothing(home: Home):
    assert await left_by(home, stall_s=600, wish="pause", code=EXIT_PAUSED) == (JobState.QUEUED, True)


class Card:
    """A studio that draws nothing and holds some of a card's memory, or none."""

    def __init__(self, held: bool) -> None:
        self.held = held
        self.loop = asyncio.get_running_loop()
        self.put_away_in: list[str] = []
        self.asked = asyncio.Event()

    def open_films(self) -> list[int]:
        return []

    def put_away(self) -> bool:
        self.put_away_in.append(threading.current_thread().name)
        self.loop.call_soon_threadsafe(self.asked.set)
        return self.held


@pytest.mark.parametrize("held", [True, False])
async def test_an_idle_engine_ends_in_a_pause_only_where_that_frees_the_card(home: Home, held: bool):
    async with await home.open() as database:
        store = Store(database, clock=SystemClock(), queue=QueueSettings(), quota=QuotaSettings())
        card, stop = Card(held), asyncio.Event()
        worker = Worker(name="card", store=store, studio=card, lease_s=60, stall_s=600, progress_interval_s=1)
        serving = asyncio.create_task(worker.serve(stop))
        await store.pause()
        await asyncio.wait_for(card.asked.wait(), 60)
        if not held:
            stop.set()
        assert await asyncio.wait_for(serving, 60) == (EXIT_PAUSED if held else 0)
        # CUDA's memory belongs to the thread that draws.
        assert all(name.startswith("draw") for name in card.put_away_in)
