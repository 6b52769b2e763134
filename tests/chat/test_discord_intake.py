"""What members send that is no picture, no film or no good: one clear sentence each, and nothing stored or charged."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from botkit.house import png
from chatkit.discord import (
    Discord,
    Endless,
    Interaction,
    NoFile,
    Other,
    Redirect,
    Stalls,
    Trickle,
    WrongLength,
)
from discordkit.site import Site, fox, settings_for, site

from storage.settings import DiscordSettings, IntakeSettings, QuotaSettings


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    folder = tmp_path / "data"
    settings = settings_for(folder).model_copy(
        update={
            "discord": DiscordSettings(download_s_max=0.3),
            "intake": IntakeSettings(upload_bytes_max=500_000, prompt_chars_max=200),
            "quota": QuotaSettings(burst_s=20),
        }
    )
    async with Discord() as kit, site(folder, kit, settings=settings) as found:
        yield found
        assert kit.unanswered() == []


async def refused_in_private(here: Site, asked: Interaction, words: str) -> None:
    answer = await here.kit.answer(asked)
    assert asked.ephemeral
    assert words in answer.content
    await nothing_stored(here)


async def refused_in_the_room(here: Site, asked: Interaction, words: str) -> None:
    answer = await here.kit.answer(asked)
    assert words in answer.content
    assert not answer.buttons()
    await nothing_stored(here)


async def nothing_stored(here: Site) -> None:
    assert await here.work.store.queue(limit=10) == []
    await here.kit.until(lambda: all(note["said"] for note in notes(here)))


def notes(here: Site) -> list[dict[str, object]]:
    """What is noted of messages that have to go: refusals that everybody sees, once they are said."""
    return [json.loads(path.read_text("utf-8")) for path in (here.work.folder / "discord-placeholders").glob("*.json")]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seconds": 0}, "seconds must be a number"),
        ({"seconds": -3}, "seconds must be a number"),
        ({"seconds": 1e300}, "seconds must be a number"),
        ({"seconds": 121}, "seconds must be a number"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"prompt": "x" * 201}, "201 characters"),
        ({"seconds": 20.5}, "try 19.2 s"),
    ],
)
async def test_options_that_cannot_be(here: Site, options: dict[str, object], words: str) -> None:
    await refused_in_private(here, here.ask(**options), words)


async def test_a_quota_that_is_used_up_says_when_it_is_back(here: Site) -> None:
    await here.asked(seconds=18)
    answer = await here.kit.answer(here.ask(seconds=5))
    assert re.search(r"come back in about .*\n-# You will have enough for this film <t:\d+:R>$", answer.content)


@pytest.mark.parametrize(
    ("declared_bytes", "words"),
    [
        (0, "0 bytes"),
        (500_001, "larger than"),
    ],
)
async def test_attachments_that_say_themselves_they_are_none(here: Site, declared_bytes: int, words: str) -> None:
    file = here.mia.upload(fox())
    file.declared_bytes = declared_bytes
    await refused_in_private(here, here.ask(image=file), words)


@pytest.mark.parametrize("content_type", ["application/octet-stream", "text/html; charset=utf-8", "video/mp4", ""])
async def test_what_a_file_is_its_bytes_decide(here: Site, content_type: str) -> None:
    file = here.mia.upload(fox(name="fox.mp4"))
    file.content_type = content_type
    await here.asked(image=file)


@pytest.mark.parametrize(
    ("mischief", "words"),
    [
        (Endless(), "larger than"),
        (Trickle(chunk=1), "did not arrive within"),
        (Stalls(), "did not arrive within"),
        (NoFile(403), "no longer has this file"),
        (NoFile(404), "no longer has this file"),
        (NoFile(500), "could not download"),
        (Redirect("http://127.0.0.1:9/fox.png"), "could not download"),
        (WrongLength(10_000_000), "could not download"),
        (Other(b""), "0 bytes"),
        (Other(b"<!doctype html><title>Sign in</title>"), "web page"),
        (Other(b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41"), "MP4 file is damaged"),
        (Other(png()[:60]), "damaged"),
        (Other(b"x" * 600_000), "larger than"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value.replace(" ", "-"),
)
async def test_downloads_that_go_wrong(here: Site, mischief: object, words: str) -> None:
    file = here.mia.upload(fox())
    here.kit.cdn.misbehave(file, mischief)
    await refused_in_the_room(here, here.ask(image=file), words)
    if isinstance(mischief, Stalls):
        mischief.released.set()
    assert here.kit.cdn.sent_bytes < 4_000_000


async def test_an_expired_link(here: Site) -> None:
    file = here.mia.upload(fox())
    here.kit.cdn.expire(file)
    await refused_in_the_room(here, here.ask(image=file), "no longer has this file")


async def test_a_larger_file_than_declared_is_read_no_further_than_the_cap(here: Site) -> None:
    file = here.mia.upload(fox(b"\x89PNG\r\n\x1a\n" + b"x" * 3_000_000))
    file.declared_bytes = 156
    await refused_in_the_room(here, here.ask(image=file), "larger than")


async def test_a_length_that_lies_downward_is_no_reason_to_refuse(here: Site) -> None:
    file = here.mia.upload(fox())
    file.declared_bytes = 9
    await here.shows(await here.kit.answer(here.ask(image=file)), "🎬")


async def test_an_end_picture_that_is_none(here: Site) -> None:
    bad = here.mia.upload(fox())
    here.kit.cdn.misbehave(bad, Other(b"<html></html>"))
    await refused_in_the_room(here, here.ask(end_image=bad), "end picture")


async def test_mentions_and_markdown_are_posted_inert(here: Site) -> None:
    words = (
        "@everyone @here <@1> <@&2> # big **bold** `code` ||spoiler|| [x](https://evil.example) https://evil.example"
    )
    status = await here.asked(prompt=words)
    for text in (status.content, (await here.drawn()).content):
        assert "@everyone" not in text
        assert "\\*\\*bold\\*\\*" in text
        assert "https://" not in text
        assert "\\<" in text
    film = await here.film()
    assert film.mentions == [here.mia.user]
    assert not film.mention_everyone
    assert film.embeds == []


async def test_forged_controls_do_nothing(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    await here.asked(prompt="a second one")
    other = await here.drawn(after=film.id)
    for custom_id in (
        "fb:reroll:1",
        "fb:delete:1",
        "fb:reroll:99999",
        "fb:reroll:99999999999999999999999",
        "fb:x:1",
        "fb:",
    ):
        pressed = here.mia.press(other, custom_id)
        answer = await here.kit.answer(pressed)
        assert pressed.ephemeral
        assert "does not belong" in answer.content
    assert await here.work.store.queue(limit=10) == []
    assert not film.deleted


async def test_a_button_from_another_server_finds_nothing(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    elsewhere = here.kit.guild("Badgers")
    den = here.kit.text(elsewhere, "den")
    here.mia.join(elsewhere)
    here.mia.say(den, "hello")
    # A message of the bot's in the other server that carries the first server's button.
    copied = await here.adapter.channel(str(den.id)).send("copied", view=forged_view(film))
    shown = den.messages[copied.id]
    here.kit.role(elsewhere, "keeper", "manage_messages", here.mia)
    for label in ("🔁", "🗑️", "🙈"):
        pressed = here.mia.click(shown, label)
        answers = await here.kit.until(lambda pressed=pressed: pressed.followups)
        assert "no film number 1" in answers[0].content
    assert not film.deleted


def forged_view(film: object) -> object:
    import discord

    from bot.chat import Action
    from bot.discord.controls import button

    view = discord.ui.View(timeout=None)
    for action in (Action.REROLL, Action.DELETE, Action.HIDE):
        view.add_item(button(action, 1, action.value))
    return view


async def test_a_member_who_left_before_the_film_is_done(here: Site) -> None:
    status = await here.asked()
    here.mia.leave(here.guild)
    film = await here.drawn()
    assert status.deleted
    assert film.attachments


async def test_more_at_once_than_one_member_may_have(here: Site) -> None:
    for number in range(5):
        await here.asked(prompt=f"film {number}", seconds=0.5)
    asked = here.ask(seconds=0.5)
    answer = await here.kit.answer(asked)
    assert asked.ephemeral
    assert "5 films waiting" in answer.content
