"""A request's message through every state, with previews, and the film in the form that a community wants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from botkit.house import png
from chatkit.discord import Discord
from discordkit.site import Site, site


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with Discord() as kit, site(tmp_path / "data", kit) as found:
        yield found


async def test_a_message_shows_every_state_until_the_film_stands(here: Site) -> None:
    status = await here.asked(seconds=2.4)
    job = await here.work.start()
    await here.shows(status, "starting")
    preview = here.work.media.put_bytes(png((0, 120, 0)), ".png")
    await here.work.report(job, section=0, preview=preview)
    await here.shows(status, "art 1 of 2")
    await here.kit.until(lambda: len(status.attachments) == 1)
    assert status.attachments[0].filename == "film-1.png"
    assert "the fox" in status.attachments[0].description
    assert status.button("Cancel")
    await here.work.finish(job)
    film = await here.kit.posted(here.room, lambda message: len(message.attachments) == 2)
    await here.gone(status)
    assert film.content.count("0:0") == 1
