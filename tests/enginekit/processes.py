"""Engine processes as the bot starts them, and the data folder they work on."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from storage.clock import SystemClock
from storage.database import Database
from storage.invariants import violations
from storage.jobs import FilmParams, Member, Place, Request, Schedule, Status
from storage.media import Media
from storage.settings import DataSettings, EngineSettings, ProgressSettings, QueueSettings, QuotaSettings, Settings
from storage.store import Store

MIA = Member(platform="test", user_id="1", name="mia")
HERE = Place(platform="test", community_id="guild", chat_id="room")
STEPS = 40
"""Many, so that a section lasts long enough to be interrupted in its middle."""
PATIENCE_S = 240
"""For one film on a busy machine; reached only by a test that fails."""


@dataclass(slots=True)
class Hall:
    """One data folder."""

    folder: Path
    store: Store
    media: Media
    database: Database
    settings_path: Path
    engines: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def ask(
        self, idem: str, *, seed: int = 7, schedule: Schedule = Schedule.INVERTED, steps: int = STEPS
    ) -> Status:
        """A film of three sections at 64 pixels."""
        params = FilmParams(
            prompt="zoom in",
            picture=await asyncio.to_thread(self.media.put_bytes, picture(), ".png"),
            duration_ms=3600,
            seed=seed,
            model="tiny",
            schedule=schedule,
            steps=steps,
            size=64,
        )
        return await self.store.submit(Request(idem=idem, member=MIA, place=HERE, params=params))

    async def start(self, worker: str) -> asyncio.subprocess.Process:
        command = ("-m", "engine", "run", "--settings", str(self.settings_path), "--worker", worker)
        with (self.folder / f"{worker}.log").open("wb") as log:
            engine = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                # Several threads spin while they wait for each other: on a busy machine 87 s of CPU for a test instead
                # of 25 (measured).
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        self.engines.append(engine)
        return engine

    async def stop(self, engine: asyncio.subprocess.Process) -> int:
        assert engine.stdin is not None
        engine.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            return await engine.wait()

    async def kill(self, engine: asyncio.subprocess.Process, worker: str) -> None:
        """SIGKILL, and what the supervisor does when it notices."""
        engine.kill()
        await engine.wait()
        await self.store.engine_died(worker)

    async def kill_those_left(self) -> None:
        """After a test that failed: an engine that draws on would take the processor from all tests after it."""
        for engine in self.engines:
            if engine.returncode is None:
                engine.kill()
                await engine.wait()

    async def until(self, request_id: int, reached: Callable[[Status], bool], worker: str) -> Status:
        """The first status that is so, woken by commits; shows the engine's log where it never comes."""
        async with asyncio.timeout(PATIENCE_S):
            while not reached(status := await self.store.status(request_id)):
                if status.state.terminal:
                    log = await asyncio.to_thread((self.folder / f"{worker}.log").read_text, "utf-8")
                    raise AssertionError(f"ended without it: {status}\n{log}")
                await self.store.changed(timeout_s=1)
        return status

    def frames(self, status: Status) -> npt.NDArray[np.uint8]:
        """The film's frames, decoded."""
        assert status.result is not None, status
        return frames_of(self.media.path(status.result.film))


@asynccontextmanager
async def hall(folder: Path, *, lease_s: float = 30.0, step_checkpoint_s: float = 0.001) -> AsyncIterator[Hall]:
    """Checkpoints after every step; nothing may be wrong in the database at the end."""
    settings = Settings(
        data=DataSettings(folder=folder, free_bytes_min=0),
        queue=QueueSettings(lease_s=lease_s),
        quota=QuotaSettings(burst_s=600),
        engine=EngineSettings(model="tiny", step_checkpoint_s=step_checkpoint_s, device="cpu"),
        progress=ProgressSettings(interval_s=0.02),
    )
    path = folder / "engine-settings.json"
    path.write_text(settings.model_dump_json(), "utf-8")
    database = await Database.open(folder)
    media = Media(folder)
    store = Store.of(database, settings, SystemClock())
    house = Hall(folder=folder, store=store, media=media, database=database, settings_path=path)
    try:
        yield house
        assert await violations(database, media) == []
    finally:
        await house.kill_those_left()
        await database.close()


def picture() -> bytes:
    """A gradient with a shape in it, as PNG."""
    rows, columns = np.mgrid[0:64, 0:96]
    pixels = np.stack([rows * 4, columns * 2, 255 - rows * 3], axis=-1).astype(np.uint8)
    pixels[20:40, 30:60] = (240, 200, 40)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def frames_of(film: Path) -> npt.NDArray[np.uint8]:
    """(T, H, W, 3)"""
    with av.open(film) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
