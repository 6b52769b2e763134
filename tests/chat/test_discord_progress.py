"""A request's message through every state, with previews, and the film in the form that a community wants."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from botkit.house import png
from chatkit.discord import Discord
from discordkit.site import Site, settings_for, site

from storage.jobs import Failure, Section
from storage.settings import CommunitySettings, DeliverySettings


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with Discord() as kit, site(tmp_path / "data", kit) as found:
        yield found


async def test_a_message_shows_every_state_until_the_film_stands(here: Site) -> None:
    status = await here.asked(seconds=2.4)
    job = await here.work.start()
    await here.shows(status, "Warming up")
    preview = here.work.media.put_bytes(png((0, 120, 0)), ".png")
    await here.work.report(job, section=0, preview=preview)
    await here.shows(status, "Part 1 of 2")
    await here.kit.until(lambda: len(status.attachments) == 1)
    assert status.attachments[0].filename == "film-1.png"
    assert "the fox" in status.attachments[0].description
    assert status.button("Cancel")
    await here.work.finish(job)
    film = await here.kit.posted(here.room, lambda message: len(message.attachments) == 2)
    await here.gone(status)
    assert film.content.count("0:0") == 1


async def test_a_wait_counts_down_by_itself(here: Site) -> None:
    await here.asked(seconds=0.5)
    job = await here.work.start()
    checkpoint = here.work.media.put_bytes(b"slow", ".ckpt")
    await here.work.store.save_section(job.claim, Section(index=0, checkpoint=checkpoint, gpu_ms=600_000))
    await here.work.store.fail(job.claim, Failure(code="out_of_memory", sentence="The card ran out of memory."))
    await here.asked(here.ben, seconds=0.5)
    status = await here.asked(seconds=0.5)
    counted = re.search(r"\n-# Starts <t:(\d+):R>$", status.content)
    wait_ms = (await here.status(3)).wait_ms
    assert counted
    assert wait_ms is not None
    assert abs(int(counted[1]) - time.time() - wait_ms / 1000) < 5


async def test_each_community_gets_films_in_the_form_it_wants(tmp_path: Path) -> None:
    async with Discord() as kit:
        owls = kit.guild("Owls")
        settings = settings_for(tmp_path / "data").model_copy(
            update={
                "delivery": DeliverySettings(form="mp4"),
                "community": {str(owls.id): CommunitySettings(form="gif")},
            }
        )
        async with site(tmp_path / "data", kit, settings=settings) as here:
            den = kit.text(owls, "den")
            here.mia.join(owls)
            for room, suffix in ((here.room, ".mp4"), (den, ".gif")):
                await here.asked(where=room, seconds=0.5)
                film = await here.drawn(where=room)
                assert [Path(file.filename).suffix for file in film.attachments] == [suffix]


async def test_a_preview_that_the_place_does_not_take_is_left_out(here: Site, caplog: pytest.LogCaptureFixture) -> None:
    status = await here.asked(seconds=2.4)
    here.guild.upload_bytes_max = 100
    job = await here.work.start()
    await here.work.report(job, section=0, preview=here.work.media.put_bytes(png(), ".png"))
    # The words may come before the preview, or once more after it.
    await here.kit.until(lambda: [call for call in here.kit.calls() if call.status == 413])
    await here.shows(status, "Part 1 of 2")
    assert status.attachments == []
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
