"""Commands of every kind, menus and modals of the stand-in, with real discord.py on the other side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
import pytest
from chatkit.discord import CannotDo, Discord, File
from chatkit.discord.sample import Bot, png, running
from discord import app_commands

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LOOKS = ("gentle", "lively", "cinematic")


@pytest.fixture
async def kit() -> AsyncIterator[Discord]:
    async with Discord() as kit:
        yield kit
        assert kit.problems() == []


class Room:
    """A server with a room and a member."""

    def __init__(self, kit: Discord) -> None:
        self.guild = kit.guild("Foxes")
        self.place = kit.text(self.guild, "animations")
        self.mia = kit.person("mia", self.guild)


async def test_subcommands_and_the_rights_to_see_them(kit: Discord):
    room = Room(kit)
    owners = app_commands.Group(
        name="flipbook",
        description="For owners.",
        default_permissions=discord.Permissions(manage_guild=True),
        guild_only=True,
    )

    @owners.command()
    async def pause(asked: discord.Interaction, reason: str) -> None:
        """Stop drawing."""
        await asked.response.send_message(f"Paused: {reason}")

    bot = Bot()
    bot.tree.add_command(owners)
    async with running(kit, bot):
        answer = await kit.answer(kit.operator.slash(room.place, "flipbook pause", reason="playing"))
        assert answer.content == "Paused: playing"
        with pytest.raises(CannotDo, match="mia is not offered /flipbook"):
            room.mia.slash(room.place, "flipbook pause", reason="x")
        with pytest.raises(CannotDo, match="not offered here"):
            kit.operator.slash(kit.operator.dm(), "flipbook pause", reason="x")


async def test_an_option_completes_itself(kit: Discord):
    room = Room(kit)

    @app_commands.command()
    async def look(asked: discord.Interaction, style: str) -> None:
        """Choose a look."""
        await asked.response.send_message(style)

    @look.autocomplete("style")
    async def _styles(_asked: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=name.title(), value=name) for name in LOOKS if typed in name]

    bot = Bot()
    bot.tree.add_command(look)
    async with running(kit, bot):
        asked = await kit.acknowledged(room.mia.suggest(room.place, "look", "style", "li"))
        assert asked.choices == [{"name": "Lively", "value": "lively"}]


async def test_choices_are_picked_by_what_is_shown(kit: Discord):
    room = Room(kit)

    @app_commands.command()
    @app_commands.choices(style=[app_commands.Choice(name=name.title(), value=name) for name in LOOKS])
    async def look(asked: discord.Interaction, style: str) -> None:
        """Choose a look."""
        await asked.response.send_message(style)

    bot = Bot()
    bot.tree.add_command(look)
    async with running(kit, bot):
        assert (await kit.answer(room.mia.slash(room.place, "look", style="Lively"))).content == "lively"
        with pytest.raises(CannotDo, match="'wild' is no choice"):
            room.mia.slash(room.place, "look", style="wild")


async def test_a_menu_under_a_message_is_chosen_from(kit: Discord):
    class Pictures(discord.ui.View):
        @discord.ui.select(
            custom_id="which", options=[discord.SelectOption(label=f"Picture {n}", value=str(n)) for n in (1, 2)]
        )
        async def which(self, asked: discord.Interaction, select: discord.ui.Select) -> None:
            await asked.response.edit_message(content=f"Chosen: {select.values[0]}", view=None)

    room = Room(kit)

    @app_commands.command()
    async def ask(asked: discord.Interaction) -> None:
        """Ask which."""
        await asked.response.send_message("Which?", view=Pictures(timeout=None), ephemeral=True)

    bot = Bot()
    bot.tree.add_command(ask)
    async with running(kit, bot):
        question = await kit.answer(room.mia.slash(room.place, "ask"))
        with pytest.raises(CannotDo, match="is not offered"):
            room.mia.choose(question, "which", "Picture 3")
        with pytest.raises(CannotDo, match="does not see"):
            kit.operator.choose(question, "which", "Picture 2")
        await kit.acknowledged(room.mia.choose(question, "which", "Picture 2"))
    assert (question.content, question.components) == ("Chosen: 2", [])


async def test_a_modal_takes_texts_choices_and_files(kit: Discord):
    class Form(discord.ui.Modal, title="A film"):
        words = discord.ui.Label(text="Words", component=discord.ui.TextInput(max_length=50))
        look = discord.ui.Label(
            text="Look", component=discord.ui.Select(options=[discord.SelectOption(label=name) for name in LOOKS])
        )
        end = discord.ui.Label(text="End", component=discord.ui.FileUpload(required=False, max_values=1))

        async def on_submit(self, asked: discord.Interaction) -> None:
            files = [len(await file.read()) for file in self.end.component.values]
            text = f"{self.words.component.value}, {self.look.component.values[0]}, {files}"
            await asked.response.send_message(text)

    room = Room(kit)

    @app_commands.command()
    async def form(asked: discord.Interaction) -> None:
        """Fill in."""
        await asked.response.send_modal(Form())

    bot = Bot()
    bot.tree.add_command(form)
    async with running(kit, bot):
        opened = await kit.acknowledged(room.mia.slash(room.place, "form"))
        with pytest.raises(CannotDo, match="no fields"):
            room.mia.submit(opened, Speed="fast")
        sent = room.mia.submit(opened, Words="it runs", Look="lively", End=[File("end.png", png())])
        assert (await kit.answer(sent)).content == f"it runs, lively, [{len(png())}]"


async def test_a_bot_posts_in_a_forum_and_reads_back_what_it_wrote(kit: Discord):
    room = Room(kit)
    forum = kit.forum(room.guild, "films")
    bot = Bot()
    async with running(kit, bot):
        made = await bot.get_channel(forum.id).create_thread(name="a film", content="the fox")
        for n in range(3):
            await made.thread.send(str(n))
        found = [message.content async for message in made.thread.history(limit=2)]
        assert (made.thread.parent_id, found) == (forum.id, ["2", "1"])
        assert made.message.id == made.thread.id


async def test_members_are_fetched_and_asked_for_over_the_gateway(kit: Discord):
    room = Room(kit)
    bot = Bot()
    async with running(kit, bot):
        guild = bot.get_guild(room.guild.id)
        assert (await guild.fetch_member(room.mia.id)).name == "mia"
        assert [member.id for member in await guild.query_members(user_ids=[room.mia.id])] == [room.mia.id]
        room.mia.leave(room.guild)
        with pytest.raises(discord.NotFound):
            await guild.fetch_member(room.mia.id)
        with pytest.raises(CannotDo, match="mia is no member"):
            room.mia.press(kit.operator.say(room.place, "x"), "cancel:1")
