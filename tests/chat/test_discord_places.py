"""Where films are asked for: threads, forum posts, direct messages, several servers; and what must be allowed there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import discord
import pytest
from chatkit.discord import Discord
from discordkit.site import Site, site

from bot.discord.permissions import invite_permissions
from storage.jobs import JobState


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with Discord() as kit, site(tmp_path / "data", kit) as found:
        yield found


@pytest.mark.parametrize(
    ("right", "name"),
    [
        ("send_messages", "Send Messages"),
        ("attach_files", "Attach Files"),
        ("read_message_history", "Read Message History"),
    ],
)
async def test_a_missing_permission_is_named_before_anything_is_drawn(here: Site, right: str, name: str) -> None:
    here.kit.deny(here.room, right)
    asked = here.ask()
    answer = await here.kit.answer(asked)
    assert asked.ephemeral
    assert "I am missing: " in answer.content
    assert name in answer.content
    assert await here.work.store.queue(limit=10) == []
    here.kit.allow(here.room, right)
    await here.asked()


async def test_a_reaction_where_nothing_may_be_posted_is_no_request(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.kit.deny(here.room, "attach_files")
    here.ben.react(film, "🔁")
    refusal = await here.kit.posted(here.room, lambda message: "Attach Files" in message.content)
    assert refusal.mentions == [here.ben.user]
    assert await here.work.store.queue(limit=10) == []


async def test_threads_and_forum_posts(here: Site) -> None:
    for parent in (here.room, here.kit.forum(here.guild, "showcase")):
        thread = here.kit.thread(parent, "foxes")
        here.kit.deny(parent, "send_messages_in_threads")
        asked = here.ask(where=thread)
        assert "Send Messages in Threads" in (await here.kit.answer(asked)).content
        here.kit.allow(parent, "send_messages_in_threads")
        status = await here.asked(where=thread)
        film = await here.drawn(where=thread)
        assert status.deleted
        here.ben.react(film, "🔁")
        again = await here.kit.posted(thread, lambda message: "🎬" in message.content, after=film.id)
        await here.drawn(where=thread, after=again.id)


async def test_a_locked_thread(here: Site) -> None:
    thread = here.kit.thread(here.room, "foxes")
    thread.locked = True
    here.kit._changed(thread)
    answer = await here.kit.answer(here.ask(where=thread))
    assert "locked" in answer.content


async def test_a_thread_that_is_archived_and_locked_meanwhile(here: Site) -> None:
    thread = here.kit.thread(here.room, "foxes")
    await here.asked(where=thread)
    here.kit.archive(thread, locked=True)
    await here.work.draw_next()
    told = await here.kit.posted(here.mia.dm())
    assert "the fox" in told.content
    assert (await here.status()).unreached


async def test_a_channel_that_is_deleted_meanwhile(here: Site) -> None:
    await here.asked()
    here.kit.delete_channel(here.room)
    await here.work.draw_next()
    await here.kit.posted(here.mia.dm())
    assert (await here.status()).state is JobState.DONE


async def test_a_server_that_throws_the_bot_out_meanwhile(here: Site) -> None:
    den = here.kit.text(here.kit.guild("Badgers"), "den")
    here.mia.join(den.guild)
    await here.asked()
    here.kit.remove_bot(here.guild)
    status = await here.work.draw_next()
    await here.quiet(status.request_id)
    assert (await here.status()).unreached
    await here.asked(where=den)
    await here.drawn(where=den)


async def test_direct_messages(here: Site) -> None:
    dm = here.mia.dm()
    status = await here.asked(where=dm)
    film = await here.drawn(where=dm)
    assert status.deleted
    assert film.attachments
    here.mia.react(film, "🔁")
    await here.kit.posted(dm, lambda message: "🎬" in message.content, after=film.id)
    await here.drawn(where=dm, after=film.id)


async def test_several_servers_keep_to_themselves(here: Site) -> None:
    rooms = []
    for name in ("Badgers", "Owls"):
        guild = here.kit.guild(name)
        room = here.kit.text(guild, "animations")
        here.mia.join(guild)
        rooms.append(room)
        await here.asked(where=room, prompt=f"in {name}", seconds=0.5)
    for room in rooms:
        answer = await here.kit.answer(here.mia.slash(room, "queue"))
        shown = {name for name in ("Badgers", "Owls") if f"in {name}" in answer.content}
        assert shown == {room.guild.name}
    for room in rooms:
        await here.drawn(where=room)
    for room in rooms:
        films = [message for message in here.mia.reads(room) if message.attachments]
        assert len(films) == 1


def test_the_invite_asks_for_exactly_what_some_place_needs() -> None:
    expected = discord.Permissions(
        view_channel=True,
        send_messages=True,
        send_messages_in_threads=True,
        attach_files=True,
        read_message_history=True,
        add_reactions=True,
    )
    assert invite_permissions() == expected
    guide = (Path(__file__).parents[2] / "docs" / "running.md").read_text("utf-8")
    assert f"permissions={expected.value}" in guide
