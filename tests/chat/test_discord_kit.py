"""The Discord stand-in with real discord.py: what a bot sends arrives, what members do is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
import pytest
from chatkit.discord import CannotDo, Discord, File
from chatkit.discord.sample import Bot, png, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def kit() -> AsyncIterator[Discord]:
    async with Discord() as kit:
        yield kit
        assert kit.problems() == []


async def test_a_slash_command_is_deferred_downloads_its_picture_and_is_answered(kit: Discord):
    guild = kit.guild("Foxes")
    room = kit.text(guild, "animations")
    mia = kit.person("mia", guild)
    async with running(kit, Bot()):
        asked = mia.slash(room, "animate", image=File("fox.png", png()), prompt="it runs", seconds=3)
        status = await kit.answer(asked)
    assert status.content == "Queued: it runs"
    assert status.button("Cancel")["custom_id"] == "cancel:1"
    assert [(file.filename, file.content, file.description) for file in status.attachments] == [
        ("film.png", png(), "it runs")
    ]
    assert (asked.callback_type, asked.response) == (5, status)
    assert asked.waited_s is not None
    assert kit.unanswered() == []


async def test_a_member_uses_the_command_by_its_name_in_their_language(kit: Discord):
    guild = kit.guild("Volpi")
    room = kit.text(guild, "animazioni")
    mia = kit.person("mia", guild, locale="it")
    async with running(kit, Bot()):
        asked = mia.slash(room, "anima", image=File("volpe.png", png()), prompt="corre", secondi=3)
        assert (await kit.answer(asked)).content == "Queued: corre"
    assert asked.data["name"] == "animate"
    assert asked.data["options"][2] == {"name": "seconds", "type": 4, "value": 3}


async def test_nobody_can_do_what_the_app_does_not_offer(kit: Discord):
    guild = kit.guild("Foxes")
    room, quiet = kit.text(guild, "animations"), kit.text(guild, "quiet")
    mia = kit.person("mia", guild)
    kit.deny(quiet, "send_messages", mia)
    picture = File("fox.png", png())
    async with running(kit, Bot()):
        with pytest.raises(CannotDo, match="no command 'animat'"):
            mia.slash(room, "animat", image=picture, prompt="x")
        with pytest.raises(CannotDo, match="'image' is required"):
            mia.slash(room, "animate", prompt="x")
        with pytest.raises(CannotDo, match="61 is not between 1 and 60"):
            mia.slash(room, "animate", image=picture, prompt="x", seconds=61)
        with pytest.raises(CannotDo, match=r"no options \['speed'\]"):
            mia.slash(room, "animate", image=picture, prompt="x", speed=2)
        with pytest.raises(CannotDo, match="mia has no SEND_MESSAGES in quiet"):
            mia.say(quiet, "hello")


async def test_an_ephemeral_answer_is_seen_by_its_member_only(kit: Discord):
    guild = kit.guild("Foxes")
    room = kit.text(guild, "animations")
    mia, theo = kit.person("mia", guild), kit.person("theo", guild)
    bot = Bot()
    async with running(kit, bot):
        asked = mia.slash(room, "animate", image=File("fox.png", png()), prompt="x", seconds=31)
        refusal = await kit.answer(asked)
        assert asked.ephemeral
        assert (mia.reads(room), theo.reads(room)) == ([refusal], [])
        with pytest.raises(discord.NotFound) as none:
            await bot.get_partial_messageable(room.id).fetch_message(refusal.id)
    assert none.value.code == 10008
    assert bot.last("message") is None


async def test_a_message_command_gets_the_message_with_its_pictures(kit: Discord):
    guild = kit.guild("Foxes")
    room = kit.text(guild, "animations")
    mia, theo = kit.person("mia", guild), kit.person("theo", guild)
    async with running(kit, Bot()):
        said = theo.say(room, "look", File("a.png", png()), File("b c.png", png("red")))
        asked = mia.menu(said, "Animate this picture")
        assert (await kit.answer(asked)).content == "Pictures: a.png, b_c.png"


async def test_a_modal_is_filled_in_and_submitted(kit: Discord):
    guild = kit.guild("Foxes")
    room = kit.text(guild, "animations")
    mia = kit.person("mia", guild)
    async with running(kit, Bot()):
        opened = await kit.acknowledged(mia.slash(room, "edit"))
        with pytest.raises(CannotDo, match="takes 0 to 100 characters"):
            mia.submit(opened, Prompt="x" * 101)
        assert (await kit.answer(mia.submit(opened, Prompt="it flies"))).content == "Heard: it flies"
        untouched = await kit.acknowledged(mia.slash(room, "edit"))
        assert (await kit.answer(mia.submit(untouched))).content == "Heard: it runs"


async def test_a_press_reaches_a_bot_that_never_saw_the_message_before(kit: Discord):
    class Cancel(discord.ui.DynamicItem[discord.ui.Button], template=r"cancel:(?P<id>\d+)"):
        @classmethod
        async def from_custom_id(cls, _asked, item, match):
            return cls(item)

        async def callback(self, asked: discord.Interaction) -> None:
            await asked.response.edit_message(content="Cancelled", view=None)

    guild = kit.guild("Foxes")
    room = kit.text(guild, "animations")
    mia = kit.person("mia", guild)
    async with running(kit, Bot()):
        status = await kit.answer(mia.slash(room, "animate", image=File("fox.png", png()), prompt="x"))
    bot = Bot()
    bot.add_dynamic_items(Cancel)
    async with running(kit, bot):
        pressed = mia.click(status, "Cancel")
        await kit.acknowledged(pressed)
    assert (status.content, status.buttons(), pressed.response) == ("Cancelled", [], status)


async def test_reactions_come_and_go_as_raw_events(kit: Discord):
    guild = kit.guild("Foxes")
    room = kit.text(guild, "animations")
    mia = kit.person("mia", guild)
    bot = Bot()
    async with running(kit, bot):
        film = await bot.get_partial_messageable(room.id).send("film")
        await film.add_reaction("🔁")
        shown = room.messages[film.id]
        mia.react(shown, "🔁")
        added = await kit.until(lambda: (e := bot.last("raw_reaction_add")) and e.user_id == mia.id and e)
        assert (str(added.emoji), added.message_id, added.guild_id) == ("🔁", film.id, guild.id)
        assert shown.reactions == {"🔁": [kit.world.bot, mia.user]}
        mia.unreact(shown, "🔁")
        gone = await kit.until(lambda: bot.last("raw_reaction_remove"))
        assert (gone.user_id, (await film.fetch()).reactions[0].count) == (mia.id, 1)


async def test_the_bot_edits_its_message_and_hears_of_deletions(kit: Discord):
    guild = kit.guild("Foxes")
    room = kit.text(guild, "animations")
    bot = Bot()
    async with running(kit, bot):
        sent = await bot.get_partial_messageable(room.id).send("one", file=discord.File(__file__, "a.txt"))
        await sent.edit(content="two", attachments=[discord.File(__file__, "b.txt")])
        shown = room.messages[sent.id]
        assert (shown.content, [f.filename for f in shown.attachments], shown.edits) == ("two", ["b.txt"], 1)
        kit.operator.delete(shown)
        assert (await kit.until(lambda: bot.last("raw_message_delete"))).message_id == sent.id
        with pytest.raises(discord.NotFound) as gone:
            await sent.edit(content="three")
    assert gone.value.code == 10008


async def test_a_bot_without_the_intent_reads_only_what_is_meant_for_it(kit: Discord):
    guild = kit.guild("Foxes")
    room = kit.text(guild, "animations")
    mia = kit.person("mia", guild)
    bot = Bot()
    async with running(kit, bot):
        for content in ("secret", f"hello {kit.world.bot.mention}"):
            mia.say(room, content)
        mia.say(mia.dm(), "in private")
        await kit.until(lambda: [event for event, _ in bot.heard].count("message") == 3)
    heard = [message.content for event, message in bot.heard if event == "message"]
    assert heard == ["", f"hello {kit.world.bot.mention}", "in private"]


async def test_several_servers_and_private_chats_are_told_apart(kit: Discord):
    foxes, owls = kit.guild("Foxes", tier=2), kit.guild("Owls")
    there = kit.text(owls, "animations")
    mia = kit.person("mia", foxes, owls)
    bot = Bot()
    async with running(kit, bot):
        assert {guild.name: guild.filesize_limit for guild in bot.guilds} == {"Foxes": 52428800, "Owls": 10485760}
        mia.say(there, "hello")
        assert (await kit.until(lambda: bot.last("message"))).guild.name == "Owls"
        late = kit.guild("Late")
        assert await kit.until(lambda: bot.get_guild(late.id))
        kit.remove_bot(owls)
        assert await kit.until(lambda: bot.get_guild(owls.id) is None)
        user = await bot.fetch_user(mia.id)
        await user.send("psst")
    assert [message.content for message in mia.reads(mia.dm())] == ["psst"]
