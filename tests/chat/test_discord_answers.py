"""First answers that are lost on the way: what was pressed or sent is done once all the same, and its member told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chatkit.discord import Abort, Broken, Discord, Interaction, Message, RateLimit, Refuse
from discordkit.site import Site, site

CALLBACK = ("POST", "/interactions/{interaction_id}/{interaction_token}/callback")
LOST = pytest.mark.parametrize(
    "fault", [Broken(502, after_work=True), Abort(after_work=True), Abort()], ids=["502", "cut-after", "cut-before"]
)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with Discord() as kit, site(tmp_path / "data", kit) as found:
        yield found


async def told(here: Site, interaction: Interaction) -> str:
    answers = await here.kit.until(lambda: interaction.followups)
    assert len(answers) == 1
    return answers[0].content


@pytest.fixture
async def film(here: Site) -> Message:
    await here.asked()
    return await here.drawn()


@LOST
async def test_a_press_is_granted_once(here: Site, film: Message, fault: object) -> None:
    met = here.kit.faults.add(fault, *CALLBACK)
    pressed = here.ben.click(film, "🔁")
    assert "film 2" in await told(here, pressed)
    assert met.hits == 1
    assert len(await here.work.store.queue(limit=10)) == 1


@LOST
async def test_other_words_are_taken_once(here: Site, film: Message, fault: object) -> None:
    opened = await here.kit.acknowledged(here.ben.click(film, "✏️"))
    here.kit.faults.add(fault, *CALLBACK)
    assert "film 2" in await told(here, here.ben.submit(opened, prompt="the fox yawns"))
    assert (await here.status(2)).params.prompt == "the fox yawns"


@LOST
async def test_a_form_opens(here: Site, film: Message, fault: object) -> None:
    here.kit.faults.add(fault, *CALLBACK)
    opened = await here.kit.acknowledged(here.ben.click(film, "✏️"))
    assert await here.kit.until(lambda: opened.modal)
    assert not opened.followups


@LOST
async def test_a_film_is_posted_again_once(here: Site, film: Message, fault: object) -> None:
    page = await here.kit.answer(here.mia.slash(here.room, "history"))
    here.kit.faults.add(fault, *CALLBACK)
    assert "posted again" in await told(here, here.mia.choose(page, "fb:again", "Film 1"))
    assert len([message for message in here.mia.reads(here.room) if message.attachments]) == 2


@LOST
async def test_a_page_is_answered_once(here: Site, fault: object) -> None:
    here.kit.faults.add(fault, *CALLBACK)
    asked = here.mia.slash(here.room, "quota")
    assert "120 s" in (await here.kit.answer(asked)).content
    assert not asked.followups


async def test_a_rate_limit_that_leaves_time_costs_nothing_but_time(here: Site) -> None:
    met = here.kit.faults.add(RateLimit(retry_after_s=1.0), *CALLBACK)
    await here.asked()
    assert met.hits == 1


UNANSWERED = pytest.mark.parametrize(
    "fault",
    [RateLimit(retry_after_s=6.0), RateLimit(retry_after_s=6.0, via=False), Refuse(10062)],
    ids=["the library waits", "the edge", "too late"],
)


@UNANSWERED
async def test_a_command_that_cannot_be_answered_in_time_is_said_in_the_channel(here: Site, fault: object) -> None:
    here.kit.faults.add(fault, *CALLBACK)
    asked = here.ask()
    said = await here.kit.posted(here.room, lambda message: "did not let me answer" in message.content)
    assert said.mentions == [here.mia.user]
    assert not asked.acknowledged
    assert await here.work.store.queue(limit=5) == []
    assert not list((here.work.folder / "discord-placeholders").glob(f"{asked.id}*"))


@UNANSWERED
async def test_so_is_a_page(here: Site, fault: object) -> None:
    here.kit.faults.add(fault, *CALLBACK)
    here.mia.slash(here.room, "quota")
    said = await here.kit.posted(here.room, lambda message: "did not let me answer" in message.content)
    assert said.mentions == [here.mia.user]
    assert "120 s" not in said.content
