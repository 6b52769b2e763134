"""`python -m bench.draw_channel`: the pictures in docs/using.md, from a real bot in the tests' Discord.

The bot, its words, buttons and messages are the product's own; the films are not drawn by any model but are the example
picture, slowly approached. Needs Chromium.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import av
from PIL import Image

from storage.jobs import Blob, Job, Phase, Progress, Result, Section, frame_count, section_count
from storage.settings import EngineSettings

if TYPE_CHECKING:
    from chatkit.discord import Person
    from discordkit.site import Site

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "bot" / "pictures" / "example.jpg"
PROMPT = "The fox slowly turns its head, and fireflies drift by."
SIDE = 256
WIDTH = 760
COLOURS = 96
SECTION_MS = 85_000


def main() -> int:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("Chromium is needed for the pictures.")
        return 1
    sys.path.insert(0, str(ROOT / "tests"))
    with tempfile.TemporaryDirectory(prefix="flipbook-") as folder:
        for name, (html, height) in asyncio.run(_scenes(Path(folder))).items():
            page = Path(folder) / f"{name}.html"
            page.write_text(html, "utf-8")
            _shoot(chromium, page, ROOT / "docs" / f"{name}.png", height)
    return 0


async def _scenes(folder: Path) -> dict[str, tuple[str, int]]:
    """Pages by name, each with the height of its picture."""
    from chatkit.discord import Discord, File
    from chatkit.discord.transcript import page_of
    from discordkit.site import settings_for, site

    pages: dict[str, tuple[str, int]] = {}
    data = folder / "data"
    # No engine runs here; the name only spares the pictures the untrained model's warning.
    settings = settings_for(data).model_copy(update={"engine": EngineSettings(model="framepack")})
    async with Discord() as kit, site(data, kit, settings=settings) as here:
        image = File("fox.jpg", EXAMPLE.read_bytes())
        await here.asked(image=image, prompt=PROMPT, seconds=3.6)
        waiting = await here.asked(here.ben, image=image, prompt="snow begins to fall", seconds=2.4)
        job = await here.work.start()
        await _save_section(here, job, 0)
        await here.work.store.publish_progress(
            _progress(job, here.work.media.put_bytes(await asyncio.to_thread(_gif, 12), ".gif"))
        )
        await kit.posted(here.room, lambda message: message.attachments)
        await here.shows(waiting, "1st, about")
        pages["discord-queue"] = page_of(here.room, here.mia), 640
        await _finish(here, job)
        film = await kit.posted(here.room, lambda message: "✨" in message.content)
        await kit.until(lambda: "🔁" in film.reactions)
        here.ben.react(film, "🔁")
        await kit.posted(here.room, lambda message: "🎬" in message.content, after=film.id)
        pages["discord-film"] = page_of(here.room, here.mia), 760
        pages["discord-history"] = await _history(here, here.mia), 340
    return pages


async def _history(here: Site, who: Person) -> str:
    from chatkit.discord.transcript import page_of

    den = here.kit.text(here.guild, "bots")
    await here.kit.answer(who.slash(den, "history"))
    await here.kit.answer(who.slash(den, "quota"))
    return page_of(den, who)


def _progress(job: Job, preview: Blob) -> Progress:
    return Progress(
        claim=job.claim,
        phase=Phase.SAMPLING,
        section=1,
        sections=section_count(job.params.duration_ms),
        step=3,
        steps=job.params.steps,
        eta_ms=170_000,
        preview=preview,
        at_ms=1,
    )


async def _save_section(here: Site, job: Job, index: int) -> None:
    checkpoint = here.work.media.put_bytes(f"{job.claim} {index}".encode(), ".ckpt")
    section = Section(index=index, checkpoint=checkpoint, gpu_ms=SECTION_MS)
    await here.work.store.save_section(job.claim, section)


async def _finish(here: Site, job: Job) -> None:
    work = here.work
    sections = section_count(job.params.duration_ms)
    for index in range(1, sections):
        await _save_section(here, job, index)
    film = work.folder / "film.mp4"
    await asyncio.to_thread(_write_film, film, frame_count(sections))
    result = Result(
        film=work.media.put_file(film),
        gif=work.media.put_bytes(await asyncio.to_thread(_gif, 36), ".gif"),
        poster=work.media.put_bytes(EXAMPLE.read_bytes(), ".jpg"),
        width=SIDE,
        height=SIDE,
        frames=frame_count(sections),
        gpu_ms=20,
    )
    await work.store.complete(job.claim, result)


def _write_film(path: Path, frames: int) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for picture in _frames(frames):
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())


def _frames(count: int) -> Iterator[Image.Image]:
    picture = Image.open(EXAMPLE).convert("RGB")
    picture.thumbnail((2 * SIDE, 2 * SIDE))
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    for number in range(count):
        cut = round(side * 0.1 * number / count)
        box = (left + cut, top + cut, left + side - cut, top + side - cut)
        yield picture.crop(box).resize((SIDE, SIDE))


def _gif(count: int) -> bytes:
    out = BytesIO()
    first, *rest = (frame.quantize(64) for frame in _frames(count))
    first.save(out, "GIF", save_all=True, append_images=rest, duration=83, loop=0)
    return out.getvalue()


def _shoot(chromium: str, page: Path, out: Path, height: int) -> None:
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--window-size={WIDTH},{height}", f"--screenshot={out}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    # Few colours are enough for words and buttons, and keep the repository small.
    Image.open(out).convert("RGB").quantize(COLOURS).save(out, optimize=True)
    print(f"{out.relative_to(ROOT)}: {out.stat().st_size // 1000} kB")


if __name__ == "__main__":
    sys.exit(main())
