"""The stand-in's state as the JSON that Discord sends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chatkit.discord import permissions
from chatkit.discord.model import Json, Kind

if TYPE_CHECKING:
    from chatkit.discord.model import (
        Attachment,
        Channel,
        Command,
        Guild,
        Interaction,
        Member,
        Message,
        Role,
        User,
    )


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def user(user: User) -> Json:
    return {
        "id": str(user.id),
        "username": user.name,
        "global_name": None if user.bot else user.name.title(),
        "discriminator": "0000" if user.bot else "0",
        "avatar": None,
        "public_flags": 0,
        "flags": 0,
        "bot": user.bot,
        "primary_guild": None,
    }


def own_user(bot: User) -> Json:
    return {**user(bot), "mfa_enabled": True, "locale": "en-US", "verified": True, "email": None}


def member(member: Member, *, with_user: bool = True) -> Json:
    body = {
        "avatar": None,
        "banner": None,
        "communication_disabled_until": None,
        "flags": 0,
        "joined_at": iso(member.joined_s),
        "nick": member.nick,
        "pending": False,
        "premium_since": None,
        "roles": [str(role.id) for role in member.roles],
        "mute": False,
        "deaf": False,
    }
    return {**body, "user": user(member.user)} if with_user else body


def role(role: Role) -> Json:
    return {
        "id": str(role.id),
        "name": role.name,
        "permissions": str(int(role.permissions)),
        "position": role.position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": False,
        "mentionable": False,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }


def channel(channel: Channel) -> Json:
    if channel.guild is None:
        recipients = [user(person) for person in channel.recipients if not person.bot]
        return {"id": str(channel.id), "type": int(channel.kind), "flags": 0, "recipients": recipients}
    last = max(channel.messages, default=None)
    body: Json = {
        "id": str(channel.id),
        "type": int(channel.kind),
        "guild_id": str(channel.guild.id),
        "name": channel.name,
        "parent_id": str(channel.parent.id) if channel.parent else None,
        "flags": 0x10 if channel.tag_required else 0,
        "last_message_id": None if last is None else str(last),
        "rate_limit_per_user": 0,
    }
    if channel.is_thread:
        return {
            **body,
            "owner_id": str(channel.owner.id if channel.owner else channel.guild.owner.id),
            "thread_metadata": {
                "archived": channel.archived,
                "locked": channel.locked,
                "auto_archive_duration": 1440,
                "archive_timestamp": iso(0),
                "create_timestamp": iso(0),
            },
            "message_count": len(channel.messages),
            "member_count": 1,
            "total_message_sent": len(channel.messages),
        }
    overwrites = [
        {
            "id": str(id),
            "type": 1 if id in channel.guild.members else 0,
            "allow": str(int(overwrite.allow)),
            "deny": str(int(overwrite.deny)),
        }
        for id, overwrite in channel.overwrites.items()
    ]
    body |= {"position": 0, "permission_overwrites": overwrites, "nsfw": False, "topic": None}
    if channel.kind in (Kind.FORUM, Kind.MEDIA):
        body |= {"available_tags": [], "default_reaction_emoji": None, "default_sort_order": None}
    return body


def guild(guild: Guild, bot: User) -> Json:
    """GUILD_CREATE as the bot gets it: the channels that it may see, and of the members only itself."""
    seen = [
        c for c in guild.channels.values() if not c.deleted and permissions.may(c, bot, permissions.Allow.VIEW_CHANNEL)
    ]
    return {
        "id": str(guild.id),
        "name": guild.name,
        "owner_id": str(guild.owner.id),
        "icon": None,
        "premium_tier": guild.tier,
        "premium_subscription_count": 0,
        "preferred_locale": guild.locale,
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "afk_timeout": 300,
        "features": [],
        "emojis": [],
        "stickers": [],
        "system_channel_flags": 0,
        "roles": [role(r) for r in guild.roles.values()],
        "member_count": len(guild.members),
        "large": False,
        "joined_at": iso(guild.members[bot.id].joined_s),
        "members": [member(guild.members[bot.id])],
        "channels": [channel(c) for c in seen if not c.is_thread],
        "threads": [channel(c) for c in seen if c.is_thread and not c.archived],
        "presences": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "unavailable": False,
    }


def attachment(file: Attachment) -> Json:
    body: Json = {
        "id": str(file.id),
        "filename": file.filename,
        "size": file.size,
        "url": file.url,
        "proxy_url": file.url,
        "content_type": file.content_type,
    }
    extras = {"description": file.description, "width": file.width, "height": file.height}
    body |= {key: value for key, value in extras.items() if value is not None}
    if file.ephemeral:
        body["ephemeral"] = True
    return body


def message(message: Message, bot: User, *, quoted: bool = False) -> Json:
    """A message as the API answers it. `quoted`: inside another one, which goes no deeper."""
    body: Json = {
        "id": str(message.id),
        "channel_id": str(message.channel.id),
        "type": message.type,
        "author": user(message.author),
        "content": message.content,
        "embeds": message.embeds,
        "sticker_items": message.stickers,
        "components": message.components,
        "attachments": [attachment(file) for file in message.attachments],
        "mentions": [user(person) for person in message.mentions],
        "mention_roles": [str(r.id) for r in message.mention_roles],
        "mention_everyone": message.mention_everyone,
        "timestamp": iso(message.born_s),
        "edited_timestamp": None if message.edited_s is None else iso(message.edited_s),
        "flags": int(message.flags),
        "pinned": False,
        "tts": False,
    }
    if message.nonce is not None:
        body["nonce"] = message.nonce
    if message.reply_to is not None:
        place = message.reply_to.channel
        body["message_reference"] = {"type": 0, "channel_id": str(place.id), "message_id": str(message.reply_to.id)}
        if place.guild:
            body["message_reference"]["guild_id"] = str(place.guild.id)
    if message.interaction is not None:
        body |= {"application_id": str(bot.id), "webhook_id": str(bot.id)}
        body["interaction_metadata"] = _origin(message.interaction)
    if quoted:
        return body
    if message.reply_to is not None:
        gone = message.reply_to.deleted
        body["referenced_message"] = None if gone else _quoted(message.reply_to, bot)
    if message.reactions:
        body["reactions"] = [_reaction(emoji, people, bot) for emoji, people in message.reactions.items()]
    return body


def _quoted(replied: Message, bot: User) -> Json:
    return message(replied, bot, quoted=True)


def _origin(interaction: Interaction) -> Json:
    body: Json = {
        "id": str(interaction.id),
        "type": interaction.type,
        "user": user(interaction.user),
        "authorizing_integration_owners": owners(interaction.channel),
    }
    if interaction.type == 3 and interaction.message is not None:
        body["interacted_message_id"] = str(interaction.message.id)
    if interaction.type == 5:
        trigger = {**body, "type": 2}
        if interaction.message is not None:
            trigger |= {"type": 3, "interacted_message_id": str(interaction.message.id)}
        body["triggering_interaction_metadata"] = trigger
    return body


def owners(channel: Channel) -> Json:
    """`authorizing_integration_owners`: the server for which the bot is installed."""
    return {"0": str(channel.guild.id) if channel.guild else "0"}


def _reaction(emoji: str, people: list[User], bot: User) -> Json:
    return {
        "emoji": {"id": None, "name": emoji},
        "count": len(people),
        "count_details": {"burst": 0, "normal": len(people)},
        "burst_colors": [],
        "me_burst": False,
        "me": bot in people,
    }


def command(command: Command, application_id: int) -> Json:
    body = {key: value for key, value in command.body.items() if value is not None and key != "id"}
    rights = command.body.get("default_member_permissions")
    body |= {
        "id": str(command.id),
        "application_id": str(application_id),
        "version": str(command.version),
        "type": command.type,
        "description": command.body.get("description") or "",
        "default_member_permissions": None if rights is None else str(rights),
    }
    if command.guild is not None:
        body["guild_id"] = str(command.guild.id)
    return body
