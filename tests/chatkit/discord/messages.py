"""What happens to messages, whoever does it: created, edited, deleted, reacted to. Rights are checked by the caller."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatkit.discord import payloads
from chatkit.discord.errors import TooManyOldEdits, bad_form, refusal
from chatkit.discord.intents import Intent
from chatkit.discord.limits import is_empty, message_faults
from chatkit.discord.mentions import mentions
from chatkit.discord.model import Attachment, Json, Message, MessageFlag, walk

if TYPE_CHECKING:
    from chatkit.discord.model import Channel, Interaction, User
    from chatkit.discord.world import World

HOUR_S = 3600
NONCE_LIFE_S = 300


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came with a request."""

    filename: str
    content: bytes


def create(
    world: World,
    channel: Channel,
    author: User,
    body: Json,
    files: dict[str, Upload] | None = None,
    *,
    interaction: Interaction | None = None,
    reply_to: Message | None = None,
    flags: int = 0,
    id: int | None = None,
) -> Message:
    """A new message, with every limit checked; refused as Discord would.

    id: for the first message of a post, which has the id of the post.
    """
    files = files or {}
    if author is world.bot:
        _refuse_faults(world, message_faults(body, files=files, ephemeral=interaction is not None))
    flags |= body.get("flags") or 0
    loading = bool(flags & MessageFlag.LOADING)
    if not loading and is_empty(body.get("content") or "", body.get("embeds"), body.get("components"), files):
        _refuse_empty(world, author)
    if author is world.bot and interaction is None and (again := _same_nonce(world, channel, body)):
        return again
    message = Message(id or world.births.next(), channel, author, born_s=world.births.now_s())
    message.flags, message.interaction, message.reply_to = flags, interaction, reply_to
    message.nonce = body.get("nonce")
    message.type = 19 if reply_to else 20 if interaction and interaction.type == 2 else 0
    if flags & MessageFlag.EPHEMERAL and interaction is not None:
        message.only_for = interaction.user
    _apply(world, message, body, files)
    channel.messages[message.id] = message
    announce(world, "MESSAGE_CREATE", message)
    return message


def edit(world: World, message: Message, body: Json, files: dict[str, Upload] | None = None) -> Message:
    files = files or {}
    faults = message_faults(
        body,
        files=files,
        kept=[file.id for file in message.all_files],
        ephemeral=message.interaction is not None,
    )
    _refuse_faults(world, faults)
    kept = message.attachments if body.get("attachments") is None else body["attachments"]
    after = {key: body.get(key, getattr(message, key)) for key in ("embeds", "components")}
    content = body.get("content", message.content) or ""
    if is_empty(content, after["embeds"], after["components"], files, kept):
        _refuse_empty(world, world.bot)
    if time.time() - message.born_s > HOUR_S:
        message.old_edits += 1
        if message.old_edits > world.old_edits_max:
            raise TooManyOldEdits(retry_after_s=0.05)
    _apply(world, message, body, files)
    message.flags &= ~int(MessageFlag.LOADING)
    message.edited_s = time.time()
    message.edits += 1
    announce(world, "MESSAGE_UPDATE", message)
    return message


def delete(world: World, message: Message) -> None:
    message.deleted = True
    message.channel.messages.pop(message.id, None)
    if message.only_for is None:
        emit_for(world, message.channel, "MESSAGE_DELETE", {"id": str(message.id)}, Intent.GUILD_MESSAGES)
    world.touch()


def react(world: World, message: Message, user: User, emoji: str) -> None:
    people = message.reactions.setdefault(emoji, [])
    if user in people:
        return
    people.append(user)
    data = _reaction(message, user, emoji) | {"message_author_id": str(message.author.id), "type": 0, "burst": False}
    if message.channel.guild is not None and user.id in message.channel.guild.members:
        data["member"] = payloads.member(message.channel.guild.members[user.id])
    emit_for(world, message.channel, "MESSAGE_REACTION_ADD", data, Intent.GUILD_MESSAGE_REACTIONS)
    world.touch()


def unreact(world: World, message: Message, user: User, emoji: str) -> None:
    people = message.reactions.get(emoji, [])
    if user not in people:
        return
    people.remove(user)
    if not people:
        del message.reactions[emoji]
    data = _reaction(message, user, emoji) | {"type": 0, "burst": False}
    emit_for(world, message.channel, "MESSAGE_REACTION_REMOVE", data, Intent.GUILD_MESSAGE_REACTIONS)
    world.touch()


def announce(world: World, event: str, message: Message) -> None:
    """Tell the bot of a message, unless it is for one member's eyes only."""
    if message.only_for is None:
        data = payloads.message(message, world.bot)
        if world.spec is not None:
            world.problems.add(*world.spec.schema_faults("MessageResponse", data))
        guild = message.channel.guild
        if guild is not None and message.author.id in guild.members and message.interaction is None:
            data["member"] = payloads.member(guild.members[message.author.id], with_user=False)
        emit_for(world, message.channel, event, data, Intent.GUILD_MESSAGES, message=message)
    world.touch()


def wake(world: World, thread: Channel) -> None:
    """What a new message does to an archived thread."""
    if thread.archived:
        thread.archived = False
        announce_thread(world, thread)


def announce_thread(world: World, thread: Channel) -> None:
    """Tell the bot that a thread was archived, woken, locked or renamed."""
    world.emit("THREAD_UPDATE", payloads.channel(thread), intent=Intent.GUILDS, guild=thread.guild)
    world.touch()


def emit_for(
    world: World, channel: Channel, event: str, data: Json, intent: Intent, *, message: Message | None = None
) -> None:
    """An event of a channel, under the guild's intent or, in a private chat, under its counterpart there."""
    data = {**data, "channel_id": str(channel.id)}
    if channel.guild is not None:
        data["guild_id"] = str(channel.guild.id)
    else:
        intent = Intent.DIRECT_MESSAGES if intent is Intent.GUILD_MESSAGES else Intent.DIRECT_MESSAGE_REACTIONS
    world.emit(event, data, intent=intent, guild=channel.guild, channel=channel, message=message)


def _reaction(message: Message, user: User, emoji: str) -> Json:
    return {"user_id": str(user.id), "message_id": str(message.id), "emoji": {"id": None, "name": emoji}}


def _refuse_faults(world: World, faults: list[str]) -> None:
    if faults:
        world.problems.add(*faults)
        raise bad_form(*faults)


def _refuse_empty(world: World, author: User) -> None:
    if author is world.bot:
        world.problems.add("an empty message")
    raise refusal(50006)


def _same_nonce(world: World, channel: Channel, body: Json) -> Message | None:
    """The message that this nonce made a short while ago, also where somebody has deleted it since."""
    if not body.get("enforce_nonce") or body.get("nonce") is None:
        return None
    made = world.nonces.get((channel.id, str(body["nonce"])))
    return made if made is not None and time.time() - made.born_s < NONCE_LIFE_S else None


def _apply(world: World, message: Message, body: Json, files: dict[str, Upload]) -> None:
    if message.nonce is not None and message.author is world.bot:
        world.nonces[message.channel.id, str(message.nonce)] = message
    _apply_files(world, message, body, files)
    if "components" in body:
        message.components = _numbered(body["components"] or [])
    if "content" in body:
        message.content = body["content"] or ""
        found = mentions(
            message.content,
            body.get("allowed_mentions"),
            channel=message.channel,
            author=message.author,
            reply_to=message.reply_to,
        )
        message.mentions, message.mention_roles = list(found.users), list(found.roles)
        message.mention_everyone = found.everyone


def _apply_files(world: World, message: Message, body: Json, files: dict[str, Upload]) -> None:
    entries = {str(entry["id"]): entry for entry in body.get("attachments") or []}
    had = message.all_files
    if body.get("attachments") is not None:
        had = [file for file in had if str(file.id) in entries]
    hidden = bool(message.flags & MessageFlag.EPHEMERAL)
    folder = "ephemeral-attachments" if hidden else "attachments"
    new: list[Attachment] = []
    for name, upload in files.items():
        entry = entries.get(name.removeprefix("files[").removesuffix("]"), {})
        filename = entry.get("filename") or upload.filename
        file = world.add_file(filename, upload.content, folder=folder, ephemeral=hidden)
        file.description = entry.get("description")
        file.spoiler = file.spoiler or bool(entry.get("is_spoiler"))
        new.append(file)
    every = {file.filename: file for file in [*had, *new]}
    shown: set[str] = set()
    if "embeds" in body:
        message.embeds = [_embed(embed, every, shown) for embed in body["embeds"] or []]
    else:
        shown = {file.filename for file in message.inlined}
    message.inlined = [file for file in every.values() if file.filename in shown]
    message.attachments = [file for file in every.values() if file.filename not in shown]


def _embed(embed: Json, files: dict[str, Attachment], shown: set[str]) -> Json:
    """An embed as it is answered: `attachment://` links made real, nothing that is null."""
    body: Json = {key: value for key, value in embed.items() if value is not None} | {"type": "rich"}
    for key in ("image", "thumbnail"):
        url = (body.get(key) or {}).get("url", "")
        if url.startswith("attachment://") and (file := files.get(url.removeprefix("attachment://"))):
            shown.add(file.filename)
            body[key] = {"url": file.url, "width": file.width or 0, "height": file.height or 0}
    return body


def _numbered(components: list[Json]) -> list[Json]:
    """Components as they are answered: each with an id, nothing that is null."""
    clean = [_without_nulls(part) for part in components]
    for number, part in enumerate(walk(clean), start=1):
        part.setdefault("id", number)
        # A select menu of a message takes the word, which only means something in a form, and forgets it.
        part.pop("required", None)
    return clean


def _without_nulls(value: Json) -> Json:
    clean: Json = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            clean[key] = _without_nulls(inner)
        elif isinstance(inner, list):
            clean[key] = [_without_nulls(item) if isinstance(item, dict) else item for item in inner]
        elif inner is not None:
            clean[key] = inner
    return clean
