"""What the bot needs where an answer is to go: asked before a film is accepted, never after it is drawn."""

from __future__ import annotations

import discord

from bot.wording.table import Table
from storage.errors import RequestRejected

IN_CHANNELS = ("view_channel", "send_messages", "attach_files", "read_message_history")
IN_THREADS = ("view_channel", "send_messages_in_threads", "attach_files", "read_message_history")
"""History is read after an outage, to find out whether a film is already there."""
WELCOME = ("add_reactions",)
"""Not required: without it the bot does not seed 🔁, and the buttons do the same."""

Interaction = discord.Interaction[discord.Client]


def invite_permissions() -> discord.Permissions:
    """What the invite link asks for: exactly what some place needs."""
    return discord.Permissions(**dict.fromkeys((*IN_CHANNELS, *IN_THREADS, *WELCOME), True))


def check_interaction(interaction: Interaction, words: Table) -> None:
    """Refuse where the bot could not bring a film. Raises RequestRejected that names what is missing."""
    if interaction.guild_id is None:
        return  # a direct message with the bot: whoever asks there can be answered there
    _check(interaction.app_permissions, interaction.channel, words)


def check_channel(guild: discord.Guild, channel_id: int, words: Table) -> None:
    """The same for a reaction, which brings no permissions along. Raises RequestRejected."""
    channel = guild.get_channel_or_thread(channel_id)
    if channel is None:
        _check(discord.Permissions.none(), None, words)
        return
    _check(channel.permissions_for(guild.me), channel, words)


def is_moderator(interaction: Interaction) -> bool:
    """Whoever may take other people's messages away here may do the same to films."""
    return interaction.guild_id is not None and interaction.permissions.manage_messages


def is_moderator_in(guild: discord.Guild, channel_id: int, member: discord.Member) -> bool:
    channel = guild.get_channel_or_thread(channel_id)
    return channel is not None and channel.permissions_for(member).manage_messages


def _check(granted: discord.Permissions, channel: object, words: Table) -> None:
    own = words.discord
    needed = IN_THREADS if isinstance(channel, discord.Thread) else IN_CHANNELS
    missing = [name for name in needed if not getattr(granted, name)]
    if missing:
        names = ", ".join(own.permissions[name] for name in missing)
        raise RequestRejected(own.permission_missing.format(permissions=names), field="place")
    if isinstance(channel, discord.Thread) and channel.locked and not granted.manage_threads:
        raise RequestRejected(own.thread_locked, field="place")
