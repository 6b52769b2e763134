"""Who may do what in a channel: roles first, then the channel's overwrites, as Discord documents it."""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatkit.discord.model import Channel, Guild, User


class Allow(IntFlag):
    """The permission bits that this kit knows the meaning of."""

    KICK_MEMBERS = 1 << 1
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    MANAGE_ROLES = 1 << 28
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    SEND_MESSAGES_IN_THREADS = 1 << 38


EVERYTHING = (1 << 53) - 1

USUAL = (
    Allow.ADD_REACTIONS
    | Allow.VIEW_CHANNEL
    | Allow.SEND_MESSAGES
    | Allow.EMBED_LINKS
    | Allow.ATTACH_FILES
    | Allow.READ_MESSAGE_HISTORY
    | Allow.MENTION_EVERYONE
    | Allow.USE_EXTERNAL_EMOJIS
    | Allow.USE_APPLICATION_COMMANDS
    | Allow.CREATE_PUBLIC_THREADS
    | Allow.SEND_MESSAGES_IN_THREADS
)
"""What `@everyone` holds in a new guild."""

# Without these in a channel a member has none of the others there.
IN_PRIVATE = USUAL | Allow.MANAGE_MESSAGES
NEEDS_SEND = Allow.EMBED_LINKS | Allow.ATTACH_FILES | Allow.MENTION_EVERYONE


def named(names: str) -> int:
    """`"send_messages attach_files"` as bits."""
    bits = 0
    for name in names.split():
        bits |= Allow[name.upper()]
    return bits


def in_guild(guild: Guild, user: User) -> int:
    """The bits that the member's roles give in the whole guild."""
    member = guild.members.get(user.id)
    if member is None:
        return 0
    if guild.owner is user:
        return EVERYTHING
    bits = guild.everyone.permissions
    for role in member.roles:
        bits |= role.permissions
    return EVERYTHING if bits & Allow.ADMINISTRATOR else bits


def in_channel(channel: Channel, user: User) -> int:
    """The bits that hold in this channel, thread or private chat."""
    if channel.guild is None:
        return IN_PRIVATE if user in channel.recipients else 0
    place = channel.parent if channel.is_thread and channel.parent is not None else channel
    bits = in_guild(channel.guild, user)
    member = channel.guild.members.get(user.id)
    if member is None or bits & Allow.ADMINISTRATOR:
        return bits
    bits = _overwritten(place, bits, [channel.guild.everyone.id])
    bits = _overwritten(place, bits, [role.id for role in member.roles])
    bits = _overwritten(place, bits, [user.id])
    if not bits & Allow.VIEW_CHANNEL:
        return 0
    sends = Allow.SEND_MESSAGES_IN_THREADS if channel.is_thread else Allow.SEND_MESSAGES
    if not bits & sends:
        bits &= ~int(NEEDS_SEND)
    return bits


def may(channel: Channel, user: User, bits: int) -> bool:
    return in_channel(channel, user) & bits == bits


def _overwritten(place: Channel, bits: int, ids: list[int]) -> int:
    """Every denial of these ids first, then every allowance."""
    overwrites = [place.overwrites[id] for id in ids if id in place.overwrites]
    for overwrite in overwrites:
        bits &= ~overwrite.deny
    for overwrite in overwrites:
        bits |= overwrite.allow
    return bits
