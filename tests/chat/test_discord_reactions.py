"""Reactions in their order, across sessions, and what they leave alone."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chatkit.discord import Discord, Hold
from discordkit.site import Site, fox, site

from storage.jobs import JobState, RequestKind

USER = ("GET", "/users/{user_id}")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with Discord() as kit, site(tmp_path / "data", kit) as found:
        yield found


async def test_a_reaction_leaves_the_members_language_alone(here: Site) -> None:
    luca = here.kit.person("luca", here.guild, locale="it")
    await here.asked()
    film = await here.drawn()
    asked = luca.slash(here.room, "anima", immagine=fox(), testo="la volpe", secondi=2.4)
    await here.shows(await here.kit.answer(asked), "🎬 In coda")
    luca.react(film, "🔁")
    again = await here.kit.posted(here.room, lambda message: "🎬" in message.content, after=film.id + 1)
    assert again
    await here.kit.until(lambda: len(here.kit.calls("POST", "/channels/{channel_id}/messages")) >= 2)
    assert (await here.status(2)).member.locale == "it"
    assert (await here.status(3)).member.locale == "it"


async def test_what_is_taken_back_in_private_before_it_was_heard_is_not_drawn(here: Site) -> None:
    dm = here.mia.dm()
    await here.asked(where=dm)
    film = await here.drawn(where=dm)
    hold = Hold()
    here.kit.faults.add(hold, *USER)
    here.mia.react(film, "🔁")
    await hold.reached.wait()
    here.mia.unreact(film, "🔁")
    # Both have reached the bot when what came last is answered.
    await here.kit.answer(here.mia.slash(dm, "quota"))
    hold.release()
    await here.kit.until(lambda: any("✖️" in message.content for message in here.mia.reads(dm)))
    assert (await here.status(2)).state is JobState.CANCELLED


async def test_a_press_in_a_new_session_is_a_new_press(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.ben.react(film, "🔁")
    await here.kit.posted(here.room, lambda message: "🎬" in message.content, after=film.id)
    again = await here.drawn(after=film.id)
    before = here.kit.gateway.handshakes
    # The session is over, and with it what happened meanwhile.
    here.kit.gateway.invalidate()
    here.ben.unreact(film, "🔁")
    await here.kit.until(lambda: here.kit.gateway.handshakes > before and here.kit.gateway.connected, within_s=30)
    here.ben.react(film, "🔁")
    await here.kit.posted(here.room, lambda message: "🎬" in message.content, after=again.id)
    assert (await here.status(3)).parent_id == 1


async def test_a_plus_goes_on_from_the_last_frame_for_its_requester(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.ben.react(film, "➕")
    refusal = await here.kit.posted(here.room, lambda message: "belongs to someone else" in message.content)
    assert refusal.mentions == [here.ben.user]
    # Two signs of one member on one message are two wishes.
    here.mia.react(film, "🔁")
    here.mia.react(film, "➕")

    async def both_wait() -> bool:
        return len(await here.work.store.queue(limit=5)) == 2

    await here.settled(both_wait)
    found = [await here.status(number) for number in (2, 3)]
    assert {(status.kind, status.parent_id) for status in found} == {(RequestKind.REROLL, 1), (RequestKind.EXTEND, 1)}


async def test_a_wall_clock_that_is_set_back_silences_no_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.discord.reactions.REFUSALS_EVERY_S", 0.0)
    async with Discord() as kit, site(tmp_path / "data", kit) as here:
        await here.asked()
        film = await here.drawn()
        here.ben.react(film, "➕")
        first = await kit.posted(here.room, lambda message: "belongs to someone else" in message.content)
        true_ns, day_ns = time.time_ns, 86_400 * 10**9
        monkeypatch.setattr(time, "time_ns", lambda: true_ns() - day_ns)
        here.ben.unreact(film, "➕")
        here.ben.react(film, "➕")
        await kit.posted(here.room, lambda message: "belongs to someone else" in message.content, after=first.id)
