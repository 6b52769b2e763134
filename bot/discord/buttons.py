"""What happens when a button is pressed: who may is the desk's to say, and who presses pays."""

from __future__ import annotations

import re
from typing import Any

import discord

from bot.chat import Action
from bot.desk import Asker
from bot.discord.answers import acknowledge, guarded, idem_of, member_of, place_of, ref, reply, words_of
from bot.discord.controls import ACTION_ID, button, read_custom_id
from bot.discord.forms import fields_of, open_words
from bot.discord.front import Front, front_of
from bot.discord.permissions import Interaction, check_interaction, is_moderator
from storage.errors import QueueFull, RequestRejected

REMOVED_S = 8.0
"""How long an answer waits for messages to go."""


class FilmButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=ACTION_ID):
    """Any button of ours, made from its custom_id alone: one that was posted years ago works."""

    def __init__(self, action: Action, request_id: int) -> None:
        super().__init__(button(action, request_id, action.value))
        self._action = action
        self._request_id = request_id

    @classmethod
    async def from_custom_id(
        cls, interaction: Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> FilmButton:
        found = read_custom_id(match[0])
        assert found is not None
        return cls(*found)

    async def callback(self, interaction: Interaction) -> None:
        await press(front_of(interaction), interaction, self._action, self._request_id)


async def press(front: Front, interaction: Interaction, action: Action, request_id: int) -> None:
    """One press. Never raises; a refusal is said to the one who pressed."""
    if not front.first_time(interaction):
        return
    async with guarded(interaction, front.clock):
        if action is not Action.EDIT:
            await acknowledge(interaction)
        _check_open(front, interaction)
        await _check_belongs(front, interaction, request_id)
        match action:
            case Action.EDIT:
                member, here = member_of(interaction), place_of(interaction)
                await open_words(front, interaction, await front.desk.seen(request_id, member, here))
            case Action.CANCEL:
                member, here = member_of(interaction), place_of(interaction)
                await front.desk.cancel(request_id, member, everyone=is_moderator(interaction), place=here)
            case Action.DELETE:
                await delete(front, interaction, request_id)
            case Action.HIDE:
                await hide(front, interaction, request_id)
            case Action.REROLL | Action.RETRY | Action.SHORTER | Action.EXTEND:
                await again(front, interaction, action, request_id)


async def words_sent(front: Front, interaction: Interaction, request_id: int) -> None:
    """The form with other words is back: a reroll with these."""
    if not front.first_time(interaction):
        return
    async with guarded(interaction, front.clock):
        await acknowledge(interaction)
        _check_open(front, interaction)
        await _check_belongs(front, interaction, request_id)
        await again(front, interaction, Action.EDIT, request_id, prompt=fields_of(interaction).get("prompt", ""))


async def again(
    front: Front, interaction: Interaction, action: Action, request_id: int, *, prompt: str | None = None
) -> None:
    """A new request that comes from an old one; its status message is the relay's to post."""
    words = words_of(interaction)
    check_interaction(interaction, words)
    asker = Asker(member=member_of(interaction), place=place_of(interaction), idem=idem_of(interaction))
    match action:
        case Action.RETRY | Action.SHORTER:
            accepted = await front.desk.retry(request_id, asker, shorter=action is Action.SHORTER)
        case Action.EXTEND:
            accepted = await front.desk.extend(request_id, asker)
        case _:
            accepted = await front.desk.reroll(request_id, asker, prompt=prompt)
    said = (words.discord.asked.format(request_id=accepted.status.request_id), *accepted.notes)
    await reply(interaction, "\n".join(said))


async def delete(front: Front, interaction: Interaction, request_id: int) -> None:
    """Let the film go, and say so once the relay has taken its messages away: or that some still stand."""
    own = words_of(interaction).discord
    member, here = member_of(interaction), place_of(interaction)
    pressed = None if interaction.message is None else ref(interaction.channel_id or 0, interaction.message.id)
    known = pressed is None or await front.desk.request_of(pressed) is not None
    await front.desk.delete(request_id, member, everyone=is_moderator(interaction), place=here)
    if pressed is not None and not known:
        await front.desk.take_away(request_id, pressed)
    left = await front.desk.still_standing(request_id, within_s=REMOVED_S)
    await reply(interaction, (own.deleted_not_all if left else own.deleted).format(request_id=request_id))


async def hide(front: Front, interaction: Interaction, request_id: int) -> None:
    own = words_of(interaction).discord
    member, here = member_of(interaction), place_of(interaction)
    status = await front.desk.hide(request_id, member, everyone=is_moderator(interaction), place=here)
    sentence = own.hidden if status.hidden else own.hide_counted
    await reply(interaction, sentence.format(request_id=request_id))


def _check_open(front: Front, interaction: Interaction) -> None:
    if front.closing:
        raise QueueFull(words_of(interaction).stopping)


async def _check_belongs(front: Front, interaction: Interaction, request_id: int) -> None:
    """Refuse a custom_id that was never on this message. Raises RequestRejected."""
    message = interaction.message
    if message is None:
        return  # a form that was opened by a command has none
    found = await front.desk.request_of(ref(interaction.channel_id or 0, message.id))
    me = interaction.client.user
    ours = me is not None and message.author.id == me.id
    # Of a film that was posted this moment nothing is written down yet; but under its messages only the bot puts
    # buttons.
    if found != request_id and not (found is None and ours):
        raise RequestRejected(words_of(interaction).discord.forged, field="request")
