"""Messages that have to go: refusals that everybody sees, and what a kill before a commit has left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

import discord

from bot.chat import ChatUnavailable, MessageGone, PlaceClosed, PlaceGone
from bot.discord.answers import ref
from bot.discord.errors import translated
from bot.discord.front import Front
from bot.discord.placeholders import Placeholder
from bot.discord.text import content
from bot.wording import table
from storage.jobs import MessageRef
from storage.outage import insist

REFUSAL_SHOWN_S = 60.0
"""How long a public message says why nothing comes of a wish."""
LEFTOVER_SHOWN_S = 600.0
TRIED_S = 7 * 86_400.0
"""A place that is closed to the bot is tried again at every start, for so long after the message was posted."""
MESSAGES_READ = 50
SECOND_OF_IDS = 1000 << 22
"""Discord's ids count milliseconds in their upper bits."""

log = logging.getLogger(__name__)


async def call_out(front: Front, channel_id: int, user_id: int, sentence: str, *, locale: str, shown_s: float) -> None:
    """Say something to a member where everybody sees it, for a while. Raises nothing."""
    called = discord.AllowedMentions(everyone=False, roles=False, users=[discord.Object(user_id)])
    try:
        with translated():
            said = await front.chat.channel(str(channel_id)).send(
                content(sentence, before=f"<@{user_id}> "), allowed_mentions=called
            )
    except (PlaceClosed, ChatUnavailable, MessageGone, discord.HTTPException) as exc:
        log.info("member not called", extra={"reason": exc})
        return
    note = Placeholder(interaction_id=said.id, channel_id=channel_id, locale=locale, message_id=said.id, said=True)
    await remove_later(front, note, shown_s)


async def remove_later(front: Front, note: Placeholder, after_s: float) -> None:
    """Take the message away after a while; a bot that stops before does so when it starts again."""
    await front.placeholders.note(note)
    front.errand(_remove(front, note, after_s), name="remove a message")


async def say(front: Front, message: MessageRef, shown: str) -> bool:
    """In place of what stands there, with the bot's own token. False where Discord cannot be reached now."""
    try:
        await front.chat.say(message, shown)
    except (MessageGone, PlaceClosed):
        return True
    except (ChatUnavailable, discord.HTTPException) as exc:
        log.warning("placeholder not withdrawn", extra={"reason": exc})
        return False
    return True


async def settle_leftovers(front: Front, leftovers: Sequence[Placeholder]) -> None:
    """What an earlier run has noted: say that nothing was taken down where that is so, then take it away."""
    for leftover in leftovers:
        try:
            await _settle(front, leftover)
        except ChatUnavailable:
            return  # with the next start
        except Exception:
            # One that cannot be settled stays noted; it holds up no other, now or at the next start.
            log.exception("a leftover was not settled", extra={"interaction": leftover.interaction_id})


async def _settle(front: Front, leftover: Placeholder) -> None:
    message_id = leftover.message_id
    try:
        if message_id is None:
            with translated():
                message_id = await _answer_to(front, leftover)
    except (PlaceClosed, MessageGone, discord.HTTPException) as exc:
        log.info("placeholder not found", extra={"reason": exc})
        if _may_open(front, leftover, exc):
            return
    if message_id is None or await _taken(front, ref(leftover.channel_id, message_id)):
        await front.placeholders.forget(leftover.interaction_id)
        return
    known = replace(leftover, message_id=message_id, said=True)
    if leftover.said:
        await remove_later(front, known, 0)
        return
    words = table(leftover.locale).discord
    if not await say(front, ref(leftover.channel_id, message_id), content(words.lost_before_accepted)):
        raise ChatUnavailable
    await remove_later(front, known, LEFTOVER_SHOWN_S)


async def _remove(front: Front, note: Placeholder, after_s: float) -> None:
    await asyncio.sleep(after_s)
    assert note.message_id is not None
    message = ref(note.channel_id, note.message_id)
    # A commit may have been slower than the bot that gave it up: then this is a request's status.
    if not await _taken(front, message):
        try:
            await front.chat.remove(message)
        except ChatUnavailable as exc:
            log.info("message stays until the next start", extra={"reason": exc})
            return
        except PlaceClosed as exc:
            log.info("message stays", extra={"reason": exc})
            if _may_open(front, note, exc):
                return
    await front.placeholders.forget(note.interaction_id)


def _may_open(front: Front, note: Placeholder, reason: Exception) -> bool:
    """Whether to try once more at the next start: the place is there, and the message is not old."""
    age_s = front.clock.now_ms() / 1000 - discord.utils.snowflake_time(note.interaction_id).timestamp()
    return isinstance(reason, PlaceClosed) and not isinstance(reason, PlaceGone) and age_s < TRIED_S


async def _taken(front: Front, message: MessageRef) -> bool:
    """Whether a request was committed with it after all."""
    return await insist(lambda: front.desk.request_of(message)) is not None


async def _answer_to(front: Front, leftover: Placeholder) -> int | None:
    """The message that an interaction was answered with."""
    channel = front.chat.channel(str(leftover.channel_id))
    # The answer comes after the question, but the two ids may come from clocks that differ a little.
    since = discord.Object(leftover.interaction_id - SECOND_OF_IDS)
    async for message in channel.history(limit=MESSAGES_READ, after=since):
        asked = message.interaction_metadata
        if asked is not None and asked.id == leftover.interaction_id:
            return message.id
    return None
