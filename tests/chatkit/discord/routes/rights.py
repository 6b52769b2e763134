"""The bot's rights in a channel, checked in the order in which Discord refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatkit.discord import messages, permissions
from chatkit.discord.errors import refusal
from chatkit.discord.model import UPLOAD_BYTES_MAX
from chatkit.discord.permissions import Allow

if TYPE_CHECKING:
    from chatkit.discord.calls import Call
    from chatkit.discord.messages import Upload
    from chatkit.discord.model import Channel, Guild, Json
    from chatkit.discord.world import World


def reach(call: Call, *needed: Allow) -> Channel:
    """The channel of this call, if the bot sees it (else 50001) and has every needed right there (else 50013)."""
    channel = call.channel()
    held = permissions.in_channel(channel, call.world.bot)
    if not held & Allow.VIEW_CHANNEL:
        raise refusal(50001)
    for right in needed:
        if held & right != right:
            raise refusal(50013)
    return channel


def may_send(world: World, channel: Channel, body: Json, files: dict[str, Upload]) -> None:
    """Whether the bot may post this here."""
    if channel.guild is None:
        check_open(world, channel)
        return
    held = permissions.in_channel(channel, world.bot)
    if not held & Allow.VIEW_CHANNEL:
        raise refusal(50001)
    sends = Allow.SEND_MESSAGES_IN_THREADS if channel.is_thread else Allow.SEND_MESSAGES
    needed = [sends]
    if body.get("embeds"):
        needed.append(Allow.EMBED_LINKS)
    if files:
        needed.append(Allow.ATTACH_FILES)
    if any(not held & right for right in needed):
        raise refusal(50013)


def check_open(world: World, channel: Channel) -> None:
    """A private chat takes the bot's words only where the person lets it, and shares a server with it."""
    person = next(user for user in channel.recipients if user is not world.bot)
    shared = any({person.id, world.bot.id} <= guild.members.keys() for guild in world.guilds.values())
    if not person.dm_open or person.blocks_bot or not shared:
        raise refusal(50007)


def check_archive(channel: Channel) -> None:
    """An archived thread takes neither edits nor deletions nor reactions: it is woken first."""
    if channel.archived:
        raise refusal(50083)


def wake(world: World, thread: Channel) -> None:
    """A new message wakes an archived thread, unless it is locked: then only those who manage threads write there."""
    if thread.locked and not permissions.may(thread, world.bot, Allow.MANAGE_THREADS):
        raise refusal(50083 if thread.archived else 160005)
    messages.wake(world, thread)


def check_files(guild: Guild | None, files: dict[str, Upload]) -> None:
    """No file above what this place takes."""
    most = guild.upload_bytes_max if guild is not None else UPLOAD_BYTES_MAX[0]
    if any(len(file.content) > most for file in files.values()):
        raise refusal(40005)


def check_words(guild: Guild | None, body: Json) -> None:
    content = (body.get("content") or "").lower()
    if guild is not None and any(word.lower() in content for word in guild.blocked_words):
        raise refusal(200000)
