"""Channels, threads, private chats and members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatkit.discord import messages, payloads, permissions
from chatkit.discord.errors import refusal
from chatkit.discord.intents import Intent
from chatkit.discord.model import Kind
from chatkit.discord.permissions import Allow
from chatkit.discord.routes import rights
from chatkit.discord.routes.table import NO_CONTENT, route

if TYPE_CHECKING:
    from chatkit.discord.calls import Call


@route("POST", "/users/@me/channels")
def open_dm(call: Call) -> tuple[int, Any]:
    person = call.world.user(int(call.body["recipient_id"]))
    if person.bot:
        raise refusal(50007)
    return 200, payloads.channel(call.world.dm(person))


@route("GET", "/channels/{channel_id}")
def fetch(call: Call) -> tuple[int, Any]:
    return 200, payloads.channel(rights.reach(call))


@route("PATCH", "/channels/{channel_id}")
def change(call: Call) -> tuple[int, Any]:
    """A thread is archived, woken, locked or renamed; of other channels nothing is changed here.

    Waking one that is not locked takes the right to write there; everything else takes MANAGE_THREADS, or, but for
    what moderators do, to have started it. While it is archived nothing but that can be changed.
    """
    thread, bot = rights.reach(call), call.world.bot
    if not thread.is_thread:
        raise refusal(50013)
    body = call.body
    moderates = permissions.may(thread, bot, Allow.MANAGE_THREADS)
    if body == {"archived": False} and not thread.locked:
        allowed = moderates or permissions.may(thread, bot, Allow.SEND_MESSAGES_IN_THREADS)
    else:
        allowed = moderates or (thread.owner is bot and not thread.locked and "locked" not in body)
    if not allowed:
        raise refusal(50013)
    if thread.archived and body.get("archived") is not False:
        raise refusal(50083)
    thread.archived, thread.locked = body.get("archived", thread.archived), body.get("locked", thread.locked)
    thread.name = body.get("name", thread.name)
    messages.announce_thread(call.world, thread)
    return 200, payloads.channel(thread)


@route("POST", "/channels/{channel_id}/typing")
def typing(call: Call) -> tuple[int, Any]:
    rights.reach(call, Allow.SEND_MESSAGES)
    return NO_CONTENT


@route("POST", "/channels/{channel_id}/threads")
def start_post(call: Call) -> tuple[int, Any]:
    """A post of a forum or media channel: a thread and its first message."""
    forum = rights.reach(call, Allow.SEND_MESSAGES)
    if forum.takes_messages:
        raise refusal(50008)
    if forum.tag_required and not call.body.get("applied_tags"):
        raise refusal(40067)
    rights.check_files(forum.guild, call.files)
    thread = call.world.add_channel(forum.guild, call.body["name"], Kind.THREAD, parent=forum, owner=call.world.bot)
    body = payloads.channel(thread)
    call.world.emit("THREAD_CREATE", {**body, "newly_created": True}, intent=Intent.GUILDS, guild=forum.guild)
    message = messages.create(call.world, thread, call.world.bot, call.body["message"], call.files, id=thread.id)
    return 201, {**body, "message": payloads.message(message, call.world.bot)}


@route("GET", "/guilds/{guild_id}/members/{user_id}")
def member(call: Call) -> tuple[int, Any]:
    found = call.world.guild(call.id("guild_id")).members.get(call.id("user_id"))
    if found is None:
        raise refusal(10007)
    return 200, payloads.member(found)


@route("GET", "/guilds/{guild_id}/roles")
def roles(call: Call) -> tuple[int, Any]:
    return 200, [payloads.role(role) for role in call.world.guild(call.id("guild_id")).roles.values()]
