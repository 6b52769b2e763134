"""Messages and reactions under the bot's own token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from chatkit.discord import messages, payloads, permissions
from chatkit.discord.errors import bad_form, refusal
from chatkit.discord.model import Message
from chatkit.discord.permissions import Allow
from chatkit.discord.routes import rights
from chatkit.discord.routes.table import NO_CONTENT, route

if TYPE_CHECKING:
    from chatkit.discord.calls import Call

MESSAGES = "/channels/{channel_id}/messages"
MESSAGE = "/channels/{channel_id}/messages/{message_id}"
REACTIONS = MESSAGE + "/reactions/{emoji_name}"
EMOJI_KINDS_MAX = 20


@route("POST", MESSAGES)
def create(call: Call) -> tuple[int, Any]:
    channel = call.channel()
    if not channel.takes_messages:
        raise refusal(50008)
    rights.may_send(call.world, channel, call.body, call.files)
    rights.check_files(channel.guild, call.files)
    rights.check_words(channel.guild, call.body)
    reply_to = _replied_to(call)
    rights.wake(call.world, channel)
    message = messages.create(call.world, channel, call.world.bot, call.body, call.files, reply_to=reply_to)
    return 200, payloads.message(message, call.world.bot)


@route("GET", MESSAGES)
def history(call: Call) -> tuple[int, Any]:
    channel = rights.reach(call)
    if not permissions.may(channel, call.world.bot, Allow.READ_MESSAGE_HISTORY):
        return 200, []
    found = sorted((m for m in channel.messages.values() if m.only_for is None), key=lambda m: m.id, reverse=True)
    limit = int(call.query.get("limit", 50))
    if "before" in call.query:
        found = [m for m in found if m.id < int(call.query["before"])]
    if "after" in call.query:
        # The oldest ones after that id, newest first all the same.
        found = [m for m in found if m.id > int(call.query["after"])][-limit:]
    return 200, [payloads.message(m, call.world.bot) for m in found[:limit]]


@route("GET", MESSAGE)
def fetch(call: Call) -> tuple[int, Any]:
    rights.reach(call, Allow.READ_MESSAGE_HISTORY)
    return 200, payloads.message(_message(call), call.world.bot)


@route("PATCH", MESSAGE)
def edit(call: Call) -> tuple[int, Any]:
    channel = rights.reach(call)
    message = _message(call)
    if message.author is not call.world.bot:
        raise refusal(50005)
    rights.check_archive(channel)
    if call.files and not permissions.may(channel, call.world.bot, Allow.ATTACH_FILES):
        raise refusal(50013)
    rights.check_files(channel.guild, call.files)
    rights.check_words(channel.guild, call.body)
    messages.edit(call.world, message, call.body, call.files)
    return 200, payloads.message(message, call.world.bot)


@route("DELETE", MESSAGE)
def delete(call: Call) -> tuple[int, Any]:
    channel = rights.reach(call)
    message = _message(call)
    own = message.author is call.world.bot
    if not own and not permissions.may(channel, call.world.bot, Allow.MANAGE_MESSAGES):
        raise refusal(50013)
    rights.check_archive(channel)
    messages.delete(call.world, message)
    return NO_CONTENT


@route("PUT", REACTIONS + "/@me")
def react(call: Call) -> tuple[int, Any]:
    channel = rights.reach(call, Allow.READ_MESSAGE_HISTORY)
    message, emoji = _message(call), _emoji(call)
    rights.check_archive(channel)
    if emoji not in message.reactions:
        if not permissions.may(channel, call.world.bot, Allow.ADD_REACTIONS):
            raise refusal(50013)
        if len(message.reactions) >= EMOJI_KINDS_MAX:
            raise bad_form(f"more than {EMOJI_KINDS_MAX} kinds of reactions")
    if message.author.blocks_bot:
        raise refusal(90001)
    messages.react(call.world, message, call.world.bot, emoji)
    return NO_CONTENT


@route("DELETE", REACTIONS + "/@me")
def unreact(call: Call) -> tuple[int, Any]:
    rights.check_archive(rights.reach(call))
    messages.unreact(call.world, _message(call), call.world.bot, _emoji(call))
    return NO_CONTENT


@route("DELETE", REACTIONS + "/{user_id}")
def take_reaction(call: Call) -> tuple[int, Any]:
    rights.check_archive(rights.reach(call, Allow.MANAGE_MESSAGES))
    messages.unreact(call.world, _message(call), call.world.user(call.id("user_id")), _emoji(call))
    return NO_CONTENT


@route("GET", REACTIONS)
def reacted(call: Call) -> tuple[int, Any]:
    rights.reach(call)
    return 200, [payloads.user(person) for person in _message(call).reactions.get(_emoji(call), [])]


def _message(call: Call) -> Message:
    return call.world.message(call.channel(), call.id("message_id"))


def _emoji(call: Call) -> str:
    """A Unicode emoji; custom ones (`name:id`) do not exist here."""
    emoji = unquote(call.params["emoji_name"])
    if not emoji or emoji.isascii():
        raise refusal(10014)
    return emoji


def _replied_to(call: Call) -> Message | None:
    reference = call.body.get("message_reference")
    if not reference:
        return None
    channel = call.channel()
    found = channel.messages.get(int(reference["message_id"]))
    if not permissions.may(channel, call.world.bot, Allow.READ_MESSAGE_HISTORY):
        raise refusal(160002)
    if found is None and reference.get("fail_if_not_exists", True):
        raise bad_form("message_reference: Unknown message")
    return found
