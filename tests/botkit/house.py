"""A real database, store and media folder for tests, a clock that is turned by hand, and a worker's part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from PIL import Image

from bot.picture.readers import Readers
from storage.clock import Clock
from storage.database import Database
from storage.invariants import violations
from storage.jobs import (
    Blob,
    FilmParams,
    Job,
    Member,
    MessageRef,
    Phase,
    Place,
    Progress,
    Request,
    Result,
    Schedule,
    Section,
    Status,
    frame_count,
    section_count,
)
from storage.media import Media
from storage.settings import IntakeSettings, QueueSettings, QuotaSettings
from storage.store import Store

MIA = Member(platform="test", user_id="1", name="mia")
BEN = Member(platform="test", user_id="2", name="ben")
HERE = Place(platform="test", community_id="guild", chat_id="room")


@dataclass(slots=True)
class HandClock:
    """Stands still until moved."""

    ms: int = 1_750_000_000_000
    boot: str = "boot-1"

    def now_ms(self) -> int:
        return self.ms

    def lease_ms(self) -> int:
        return self.ms

    def boot_id(self) -> str:
        return self.boot


@dataclass(slots=True)
class Bench:
    """What a test works on."""

    folder: Path
    database: Database
    store: Store
    media: Media
    clock: Clock
    readers: Readers
    numbers: list[int] = field(default_factory=list)

    async def submit(
        self,
        *,
        member: Member = MIA,
        place: Place = HERE,
        seconds: float = 2.4,
        prompt: str = "the fox turns",
        status_ref: MessageRef | None = None,
    ) -> Status:
        self.numbers.append(len(self.numbers))
        params = FilmParams(
            prompt=prompt,
            picture=self.media.put_bytes(png(), ".png"),
            duration_ms=round(seconds * 1000),
            seed=7,
            model="tiny",
            schedule=Schedule.INVERTED,
            steps=2,
            size=64,
        )
        return await self.store.submit(
            Request(idem=f"test:{self.numbers[-1]}", member=member, place=place, params=params, status_ref=status_ref)
        )

    async def start(self) -> Job:
        job = await self.store.claim("worker-1")
        assert job is not None
        return job

    async def report(self, job: Job, *, section: int = 0, step: int = 1, preview: Blob | None = None) -> Progress:
        progress = Progress(
            claim=job.claim,
            phase=Phase.SAMPLING,
            section=section,
            sections=section_count(job.params.duration_ms),
            step=step,
            steps=job.params.steps,
            eta_ms=None,
            preview=preview,
            at_ms=self.clock.now_ms(),
        )
        await self.store.publish_progress(progress)
        return progress

    async def finish(self, job: Job) -> Status:
        """All that an engine does for a film, with a real file at the end."""
        sections = section_count(job.params.duration_ms)
        for index in range(sections):
            checkpoint = self.media.put_bytes(f"{job.claim} {index}".encode(), ".ckpt")
            await self.store.save_section(job.claim, Section(index=index, checkpoint=checkpoint, gpu_ms=10))
        film = self.folder / f"film-{job.claim.request_id}.mp4"
        write_film(film, frames=frame_count(sections))
        result = Result(
            film=self.media.put_file(film),
            gif=self.media.put_bytes(gif(), ".gif"),
            poster=self.media.put_bytes(png(), ".png"),
            width=64,
            height=64,
            frames=frame_count(sections),
            gpu_ms=20,
        )
        return await self.store.complete(job.claim, result)

    async def draw_next(self) -> Status:
        return await self.finish(await self.start())


@asynccontextmanager
async def bench(folder: Path, clock: Clock | None = None) -> AsyncIterator[Bench]:
    """Opens on a data folder and, at the end of the block, checks every invariant of the store."""
    clock = clock or HandClock()
    folder.mkdir(exist_ok=True)
    async with await Database.open(folder) as database, Readers(IntakeSettings()) as readers:
        store = Store(database, clock=clock, queue=QueueSettings(), quota=QuotaSettings())
        media = Media(folder)
        yield Bench(folder=folder, database=database, store=store, media=media, clock=clock, readers=readers)
        assert await violations(database, media) == []


def png(colour: tuple[int, int, int] = (200, 90, 30), side: int = 64) -> bytes:
    out = BytesIO()
    Image.new("RGB", (side, side), colour).save(out, "PNG")
    return out.getvalue()


def gif(frames: int = 3) -> bytes:
    out = BytesIO()
    pictures = [Image.new("RGB", (16, 16), (80 * number, 0, 0)) for number in range(frames)]
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], duration=100)
    return out.getvalue()


def write_film(path: Path, *, frames: int, side: int = 64) -> None:
    """Grey that rises from black to white, so that the last frame can be told from the first."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            level = round(255 * number / max(1, frames - 1))
            picture = np.full((side, side, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
