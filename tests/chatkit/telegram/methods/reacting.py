"""Answers to button presses, and the bot's own reactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatkit.telegram import limits
from chatkit.telegram.refusals import OLD_QUERY, bad_request

if TYPE_CHECKING:
    from chatkit.telegram.model import Call
    from chatkit.telegram.world import World


def answer_callback_query(world: World, call: Call) -> bool:
    limits.check_callback_answer(call.get("text") or "")
    click = world.clicks.get(call.params["callback_query_id"])
    if click is None or click.expired or click.answer is not None:
        raise bad_request(OLD_QUERY)
    click.answer = {name: value for name, value in call.params.items() if name != "callback_query_id"}
    world.touch()
    return True


def set_message_reaction(world: World, call: Call) -> bool:
    reactions = call.get("reaction") or []
    limits.check_reactions(reactions)
    chat = world.chat(call.params["chat_id"])
    message = world.message(chat, call.params["message_id"], otherwise="message to react not found")
    message.reactions[world.bot.id] = tuple(reaction.get("emoji", "") for reaction in reactions)
    world.touch()
    return True


METHODS = {"answerCallbackQuery": answer_callback_query, "setMessageReaction": set_message_reaction}
