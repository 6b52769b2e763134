"""The commands as Discord lists them, and what each of them calls."""

from __future__ import annotations

import logging
from typing import Any

import discord
from discord import app_commands

from bot.discord import pages
from bot.discord.animate import Wish, animate, upload_of
from bot.discord.answers import reply, words_of
from bot.discord.forms import Offers, open_form
from bot.discord.front import Front
from bot.discord.permissions import Interaction
from bot.discord.syncing import Tree
from bot.discord.translation import WordingTranslator, said

FILE_TYPES = ("image", ".bmp", ".tif", ".tiff", ".mp4", ".webm")
"""Discord's own group of pictures, and what else is read: at most ten, each of at most 16 characters."""

log = logging.getLogger(__name__)


class FlipbookTree(app_commands.CommandTree[discord.Client]):
    """Usable in servers and in the bot's direct messages; its mistakes are said to whoever meets them."""

    def __init__(self, client: discord.Client) -> None:
        super().__init__(
            client,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
        )

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        own = words_of(interaction).discord
        if isinstance(error, (app_commands.CommandNotFound, app_commands.CommandSignatureMismatch)):
            # Discord still shows what an earlier version had.
            await reply(interaction, own.no_longer)
            return
        log.error("command failed", exc_info=error)
        await reply(interaction, own.broken)


class PictureCommand(app_commands.Command[Any, ..., None]):
    """A command whose files are pictures: Discord's file chooser offers nothing else.

    The library does not know `file_types` yet; Discord documents it for options of this kind. A picture under another
    name is still taken, from a message's menu.
    """

    def to_dict(self, tree: app_commands.CommandTree[Any]) -> dict[str, Any]:
        return _limited_to_pictures(super().to_dict(tree))

    async def get_translated_payload(
        self, tree: app_commands.CommandTree[Any], translator: app_commands.Translator
    ) -> dict[str, Any]:
        return _limited_to_pictures(await super().get_translated_payload(tree, translator))


def _limited_to_pictures(payload: dict[str, Any]) -> dict[str, Any]:
    for option in payload["options"]:
        if option["type"] == discord.AppCommandOptionType.attachment.value:
            option["file_types"] = list(FILE_TYPES)
    return payload


async def add_commands(tree: Tree, front: Front, offers: Offers) -> None:
    """Everything a member can call up. Options that must be given come first, as Discord demands."""
    await tree.set_translator(WordingTranslator())

    @app_commands.rename(
        image=said("discord.image.name"),
        prompt=said("discord.prompt.name"),
        seconds=said("discord.seconds.name"),
        end_image=said("discord.end_image.name"),
        seed=said("discord.seed.name"),
        style=said("discord.style.name"),
        spoiler=said("discord.spoiler.name"),
    )
    @app_commands.describe(
        image=said("discord.image.help"),
        prompt=said("discord.prompt.help"),
        seconds=said("discord.seconds.help"),
        end_image=said("discord.end_image.help"),
        seed=said("discord.seed.help"),
        style=said("discord.style.help"),
        spoiler=said("discord.spoiler.help"),
    )
    @app_commands.choices(style=pages.style_choices())
    async def animate_command(
        interaction: Interaction,
        image: discord.Attachment,
        prompt: str,
        seconds: float | None = None,
        end_image: discord.Attachment | None = None,
        seed: int | None = None,
        style: str | None = None,
        spoiler: bool = False,
    ) -> None:
        wish = Wish(
            picture=upload_of(image),
            prompt=prompt,
            seconds=None if seconds is None else f"{seconds:g}",
            end_picture=None if end_image is None else upload_of(end_image),
            seed=None if seed is None else str(seed),
            style=style,
            spoiler=spoiler,
        )
        await animate(front, interaction, wish)

    tree.add_command(
        PictureCommand(
            name=said("discord.animate.name"), description=said("discord.animate.help"), callback=animate_command
        )
    )

    @tree.context_menu(name=said("discord.animate_message"))
    async def animate_message(  # pyright: ignore[reportUnusedFunction]
        interaction: Interaction, message: discord.Message
    ) -> None:
        await open_form(front, offers, interaction, message)

    @tree.command(name=said("discord.queue.name"), description=said("discord.queue.help"))
    async def queue(interaction: Interaction) -> None:  # pyright: ignore[reportUnusedFunction]
        await pages.show_queue(front, interaction)

    @tree.command(name=said("discord.quota.name"), description=said("discord.quota.help"))
    async def quota(interaction: Interaction) -> None:  # pyright: ignore[reportUnusedFunction]
        await pages.show_quota(front, interaction)

    @tree.command(name=said("discord.history.name"), description=said("discord.history.help"))
    async def history(interaction: Interaction) -> None:  # pyright: ignore[reportUnusedFunction]
        await pages.show_history(front, interaction)

    @tree.command(name=said("discord.privacy.name"), description=said("discord.privacy.help"))
    async def privacy(interaction: Interaction) -> None:  # pyright: ignore[reportUnusedFunction]
        await pages.show_privacy(front, interaction)

    @tree.command(name=said("discord.link.name"), description=said("discord.link.help"))
    @app_commands.rename(code=said("discord.code.name"))
    @app_commands.describe(code=said("discord.code.help"))
    async def link(interaction: Interaction, code: str | None = None) -> None:  # pyright: ignore[reportUnusedFunction]
        await pages.link(front, interaction, code)

    @tree.command(name=said("discord.help.name"), description=said("discord.help.help"))
    async def help_command(interaction: Interaction) -> None:  # pyright: ignore[reportUnusedFunction]
        await pages.show_help(front, interaction)
