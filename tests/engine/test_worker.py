"""A drawing thread that hears nothing: only the end of its process helps, and the film must not suffer for it."""

import subprocess
import sys
from pathlib import Path

from storagekit.films import wish

from storage.clock import SystemClock
from storage.database import Database
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
    store = Store(await Database.open(folder), clock=SystemClock(), queue=QueueSettings(), quota=QuotaSettings())
    worker = Worker(
        name="deaf", store=store, studio=Deaf(settings, Media(folder)), lease_s=60, stall_s=float(sys.argv[2]),
        progress_interval_s=1, stop_wait_s=0.2,
    )
    async def stop_while_drawing():
        await drawing.wait()
        if sys.argv[3] == "stop":
            stop.set()
    await asyncio.gather(worker.serve(stop), stop_while_drawing())

asyncio.run(main())
"""


async def left_by(folder: Path, *, stall_s: float, stop: bool, code: int) -> tuple[JobState, bool]:
    """State and interruption of a request after a deaf engine's process ended with this exit code."""
    database = await Database.open(folder)
    try:
        store = Store(database, clock=SystemClock(), queue=QueueSettings(), quota=QuotaSettings())
        request_id = (await store.submit(wish("a"))).request_id
        command = [sys.executable, "-c", DEAF, str(folder), str(stall_s), "stop" if stop else "go"]
        done = subprocess.run(command, cwd=Path(__file__).parents[2], timeout=120, capture_output=True, check=False)
        assert done.returncode == code, done.stderr
        await store.engine_died("deaf")
        status = await store.status(request_id)
        return status.state, status.interrupted
    finally:
        await database.close()


async def test_a_stop_gives_the_film_back_even_where_the_thread_hears_nothing(tmp_path: Path):
    for _ in range(2):  # as often as there are tries
        assert await left_by(tmp_path, stall_s=600, stop=True, code=0) == (JobState.QUEUED, True)


async def test_a_thread_without_progress_ends_its_process(tmp_path: Path):
    assert await left_by(tmp_path, stall_s=0.1, stop=False, code=75) == (JobState.QUEUED, True)
