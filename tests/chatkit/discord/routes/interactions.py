"""Answers to interactions and what follows them, under the interaction's own token."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from chatkit.discord import messages, payloads
from chatkit.discord.errors import bad_form, refusal
from chatkit.discord.limits import modal_faults
from chatkit.discord.model import Interaction, Json, Message, MessageFlag
from chatkit.discord.routes import rights
from chatkit.discord.routes.table import NO_CONTENT, route

if TYPE_CHECKING:
    from chatkit.discord.calls import Call

ANSWER_WITHIN_S = 3.0
TOKEN_LIFE_S = 15 * 60
MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
WEBHOOK = "/webhooks/{webhook_id}/{webhook_token}"


@route("POST", "/interactions/{interaction_id}/{interaction_token}/callback", open=True)
def callback(call: Call) -> tuple[int, Any]:
    interaction = call.world.interactions.get(call.params["interaction_token"])
    if interaction is None or interaction.id != call.id("interaction_id"):
        raise refusal(10062)
    if interaction.acknowledged:
        raise refusal(40060)
    if time.time() - interaction.born_s > ANSWER_WITHIN_S:
        raise refusal(10062)
    kind, data = call.body["type"], call.body.get("data") or {}
    _check_kind(call, interaction, kind)
    message = _answer(call, interaction, kind, data)
    interaction.callback_type, interaction.acknowledged_s = kind, time.time()
    if call.query.get("with_response") not in ("1", "true", "True"):
        return NO_CONTENT
    return 200, _callback_answer(call, interaction, kind, message)


@route("POST", WEBHOOK, open=True)
def follow_up(call: Call) -> tuple[int, Any]:
    interaction = _of_token(call)
    guild = interaction.channel.guild
    rights.check_files(guild, call.files)
    rights.check_words(guild, call.body)
    if interaction.response is not None and interaction.response.loading:
        # The first follow-up takes the place of "thinking …", whatever flags it has.
        body = {key: value for key, value in call.body.items() if key != "flags"}
        message = messages.edit(call.world, interaction.response, body, call.files)
    else:
        message = _post(call, interaction, call.body)
        interaction.followups.append(message)
    return 200, payloads.message(message, call.world.bot)


@route("GET", WEBHOOK + "/messages/@original", open=True)
@route("GET", WEBHOOK + "/messages/{message_id}", open=True)
def fetch(call: Call) -> tuple[int, Any]:
    return 200, payloads.message(_message(call), call.world.bot)


@route("PATCH", WEBHOOK + "/messages/@original", open=True)
@route("PATCH", WEBHOOK + "/messages/{message_id}", open=True)
def edit(call: Call) -> tuple[int, Any]:
    message = _message(call)
    if message.only_for is None:
        rights.check_archive(message.channel)
    rights.check_files(message.channel.guild, call.files)
    rights.check_words(message.channel.guild, call.body)
    messages.edit(call.world, message, call.body, call.files)
    return 200, payloads.message(message, call.world.bot)


@route("DELETE", WEBHOOK + "/messages/@original", open=True)
@route("DELETE", WEBHOOK + "/messages/{message_id}", open=True)
def delete(call: Call) -> tuple[int, Any]:
    message = _message(call)
    if message.only_for is None:
        rights.check_archive(message.channel)
    messages.delete(call.world, message)
    return NO_CONTENT


def _check_kind(call: Call, interaction: Interaction, kind: int) -> None:
    """Not every answer fits every interaction."""
    fits = {
        COMMAND: (MESSAGE, DEFERRED, MODAL),
        COMPONENT: (MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL),
        AUTOCOMPLETE: (CHOICES,),
        MODAL_SUBMIT: (MESSAGE, DEFERRED, *((DEFERRED_UPDATE, UPDATE) if interaction.message else ())),
    }[interaction.type]
    if kind not in fits:
        fault = f"an answer of type {kind} to an interaction of type {interaction.type}"
        call.world.problems.add(fault)
        raise bad_form(fault)


def _answer(call: Call, interaction: Interaction, kind: int, data: Json) -> Message | None:
    """Do what the callback says; the message that it made or changed."""
    if kind == CHOICES:
        interaction.choices = data.get("choices") or []
    elif kind == MODAL:
        if faults := modal_faults(data):
            call.world.problems.add(*faults)
            raise bad_form(*faults)
        interaction.modal = data
    elif kind == DEFERRED:
        hidden = (data.get("flags") or 0) & MessageFlag.EPHEMERAL
        interaction.response = _post(call, interaction, {}, flags=int(MessageFlag.LOADING | hidden))
    elif kind == MESSAGE:
        rights.check_files(interaction.channel.guild, call.files)
        rights.check_words(interaction.channel.guild, data)
        interaction.response = _post(call, interaction, data)
    elif kind == UPDATE and interaction.message is not None:
        rights.check_files(interaction.channel.guild, call.files)
        interaction.response = messages.edit(call.world, interaction.message, data, call.files)
    elif kind == DEFERRED_UPDATE:
        interaction.response = interaction.message
    return interaction.response


def _post(call: Call, interaction: Interaction, body: Json, *, flags: int = 0) -> Message:
    world = call.world
    return messages.create(
        world, interaction.channel, world.bot, body, call.files, interaction=interaction, flags=flags
    )


def _callback_answer(call: Call, interaction: Interaction, kind: int, message: Message | None) -> Json:
    about: Json = {"id": str(interaction.id), "type": interaction.type, "channel_id": str(interaction.channel.id)}
    if interaction.channel.guild is not None:
        about["guild_id"] = str(interaction.channel.guild.id)
    if message is not None:
        about |= {
            "response_message_id": str(message.id),
            "response_message_loading": message.loading,
            "response_message_ephemeral": message.only_for is not None,
        }
    body: Json = {"interaction": about}
    if message is not None and kind in (MESSAGE, UPDATE):
        body["resource"] = {"type": kind, "message": payloads.message(message, call.world.bot)}
    return body


def _of_token(call: Call) -> Interaction:
    """The interaction whose token this is, while the token lives."""
    interaction = call.world.interactions.get(call.params["webhook_token"])
    if interaction is None or call.id("webhook_id") != call.world.bot.id:
        raise refusal(10015)
    if time.time() - interaction.born_s > TOKEN_LIFE_S:
        raise refusal(50027)
    if not interaction.acknowledged:
        raise refusal(10015)
    return interaction


def _message(call: Call) -> Message:
    interaction = _of_token(call)
    named = call.params.get("message_id", "@original")
    own = [interaction.response, *interaction.followups]
    for message in own:
        if message is None or message.deleted:
            continue
        if named in ("@original", str(message.id)):
            return message
    raise refusal(10008)
