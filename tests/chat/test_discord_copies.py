"""Films posted again from the history: known as what they are, wherever their owner wanted them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chatkit.discord import Broken, Channel, Discord, Hold, Interaction, Message, Refuse
from discordkit.site import Site, site

POST = ("POST", "/channels/{channel_id}/messages")
DELETE = ("DELETE", "/channels/{channel_id}/messages/{message_id}")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with Discord() as kit, site(tmp_path / "data", kit) as found:
        yield found


async def chosen(here: Site, where: Channel, number: int = 1) -> Interaction:
    page = await here.kit.answer(here.mia.slash(where, "history"))
    return here.mia.choose(page, "fb:again", f"Film {number}")


async def said(here: Site, interaction: Interaction) -> str:
    return (await here.kit.until(lambda: interaction.followups))[0].content


async def copied(here: Site, where: Channel) -> Message:
    assert "posted again" in await said(here, await chosen(here, where))
    return await here.film(where)


async def test_a_copy_in_another_room_does_what_the_film_does(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    den = here.kit.text(here.guild, "den")
    copy = await copied(here, den)
    await here.kit.until(lambda: "🔁" in copy.reactions)
    here.ben.react(copy, "🔁")
    await here.kit.posted(den, lambda message: "🎬" in message.content, after=copy.id)
    here.kit.role(here.guild, "keeper", "manage_messages", here.ben)
    here.ben.react(film, "🙈")
    await here.kit.until(lambda: all(file.spoiler for message in (film, copy) for file in message.attachments))
    here.mia.click(copy, "🗑️")
    await here.gone(film)
    await here.gone(copy)


async def test_a_copy_in_private_obeys_its_owner(here: Site) -> None:
    await here.asked()
    await here.drawn()
    dm = here.mia.dm()
    copy = await copied(here, dm)
    assert "film 2" in await said(here, here.mia.click(copy, "🔁"))
    opened = await here.kit.acknowledged(here.mia.click(copy, "✏️"))
    assert opened.modal
    assert "hidden" in await said(here, here.mia.click(copy, "🙈"))
    await here.kit.until(lambda: all(file.spoiler for file in copy.attachments))


async def test_a_removal_that_fails_is_made_later(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.kit.faults.add(Broken(503), *DELETE, times=1)
    assert "deleted" in await said(here, here.mia.click(film, "🗑️"))
    await here.gone(film)


async def test_a_place_that_takes_no_copy_says_so(here: Site) -> None:
    await here.asked()
    await here.drawn()
    here.kit.faults.add(Refuse(50013), *POST)
    assert "does not let me post" in await said(here, await chosen(here, here.room))


async def test_a_film_that_no_place_takes_says_so(here: Site) -> None:
    await here.asked(seconds=0.5)
    await here.drawn()
    here.kit.faults.add(Refuse(40005), *POST, times=None)
    assert "small enough" in await said(here, await chosen(here, here.room))
    here.kit.faults.clear()


async def test_one_copy_at_a_time(here: Site) -> None:
    await here.asked()
    await here.drawn()
    page = await here.kit.answer(here.mia.slash(here.room, "history"))
    hold = Hold()
    here.kit.faults.add(hold, *POST)
    first = here.mia.choose(page, "fb:again", "Film 1")
    await hold.reached.wait()
    assert "One film at a time" in await said(here, here.mia.choose(page, "fb:again", "Film 1"))
    hold.release()
    assert "posted again" in await said(here, first)
    # And a pause after it.
    assert "One film at a time" in await said(here, here.mia.choose(page, "fb:again", "Film 1"))
