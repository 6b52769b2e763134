"""Films that weigh something: noise does not compress."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from botkit.house import Bench, png

from storage.jobs import Result, Section, Status, frame_count, section_count


def write_noise(path: Path, *, frames: int, side: int = 256) -> None:
    draw = np.random.default_rng(7)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "18", "preset": "ultrafast"})
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for _ in range(frames):
            picture = draw.integers(0, 255, (side, side, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


async def draw_heavy(work: Bench, *, side: int = 256) -> Status:
    """The next film as an engine would end it, some megabytes of it."""
    job = await work.start()
    sections = section_count(job.params.duration_ms)
    for index in range(sections):
        checkpoint = work.media.put_bytes(f"{job.claim} {index}".encode(), ".ckpt")
        await work.store.save_section(job.claim, Section(index=index, checkpoint=checkpoint, gpu_ms=10))
    path = work.folder / f"heavy-{job.claim.request_id}.mp4"
    write_noise(path, frames=frame_count(sections), side=side)
    result = Result(
        film=work.media.put_file(path),
        gif=None,
        poster=work.media.put_bytes(png(), ".png"),
        width=side,
        height=side,
        frames=frame_count(sections),
        gpu_ms=20,
    )
    return await work.store.complete(job.claim, result)
