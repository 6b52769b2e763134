"""`python -m bench.draw_group`: the pictures of Telegram in docs/using.md, from a real bot in the tests' Telegram.

As in `bench.draw_channel`, which this borrows its films from: words, buttons and messages are the product's own. Needs
Chromium.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from bench import draw_channel as pictures
from storage.settings import EngineSettings


def main() -> int:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("Chromium is needed for the pictures.")
        return 1
    sys.path.insert(0, str(pictures.ROOT / "tests"))
    with tempfile.TemporaryDirectory(prefix="flipbook-") as folder:
        for name, (html, height) in asyncio.run(_scenes(Path(folder))).items():
            page = Path(folder) / f"{name}.html"
            page.write_text(html, "utf-8")
            pictures._shoot(chromium, page, pictures.ROOT / "docs" / f"{name}.png", height)
    return 0


async def _scenes(folder: Path) -> dict[str, tuple[str, int]]:
    """Pages by name, each with the height of its picture."""
    from chatkit.telegram import TelegramKit, page_of
    from telegramkit.site import settings_for, site

    pages: dict[str, tuple[str, int]] = {}
    data = folder / "data"
    async with TelegramKit.open() as kit:
        # No engine runs here; the name only spares the pictures the untrained model's warning.
        settings = settings_for(data, kit).model_copy(update={"engine": EngineSettings(model="framepack")})
        async with site(data, kit, settings=settings) as here:
            here.mia.sends_photo(here.cave, pictures.EXAMPLE.read_bytes(), f"/animate {pictures.PROMPT} 3.6s")
            status = await here.says(here.cave, "Queued")
            job = await here.work.start()
            preview = here.work.media.put_bytes(await asyncio.to_thread(pictures._gif, 12), ".gif")
            await here.work.store.publish_progress(pictures._progress(job, preview))
            await kit.until(lambda: status.kind == "animation" and "Part" in status.text)
            pages["telegram-part"] = page_of(here.cave, here.mia), 1010
            await pictures._finish(here, job)
            film = await here.film()
            here.ben.reacts(film, "⚡")
            await here.says(here.cave, "Queued")
            pages["telegram-film"] = page_of(here.cave, here.mia), 1590
    return pages


if __name__ == "__main__":
    sys.exit(main())
