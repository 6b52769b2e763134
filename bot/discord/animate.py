"""From a command or a form to a request: refuse in private, acknowledge in public, fetch, commit.

Discord fixes at the first answer whether everybody sees it. So whatever can be refused without the picture is refused
first and privately; then a public "thinking…" stands, which becomes the request's status message when it is committed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import aiohttp
import discord

from bot.chat import ChatUnavailable, Incoming, MessageGone, PlaceClosed
from bot.discord.answers import guarded, idem_of, member_of, place_of, ref, reply, words_of
from bot.discord.errors import ALREADY_ACKNOWLEDGED, translated
from bot.discord.front import Front
from bot.discord.permissions import Interaction, check_interaction
from bot.discord.placeholders import Placeholder
from bot.discord.text import content
from bot.wording import table
from bot.wording.refusals import refusal
from bot.wording.views import status_view
from storage.errors import FlipbookError, QueueFull
from storage.jobs import MessageRef

REFUSAL_SHOWN_S = 60.0
"""How long a public placeholder says why nothing comes of it."""
LEFTOVER_SHOWN_S = 600.0
LEFTOVER_MESSAGES_READ = 50
ACKNOWLEDGE_TRIES = 2
SECOND_OF_IDS = 1000 << 22
"""Discord's ids count milliseconds in their upper bits."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An attachment as Discord describes it. Nothing of this is believed but the address."""

    url: str
    name: str
    size: int
    content_type: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The options of a command or the fields of a form, as given."""

    picture: Upload
    prompt: str
    seconds: str | None = None
    end_picture: Upload | None = None
    seed: str | None = None
    style: str | None = None
    spoiler: bool = False


def upload_of(attachment: discord.Attachment) -> Upload:
    return Upload(
        url=attachment.url, name=attachment.filename, size=attachment.size, content_type=attachment.content_type
    )


async def animate(front: Front, interaction: Interaction, wish: Wish) -> None:
    """The whole way of one wish. Never raises; whatever happens is said to the member."""
    if not front.first_time(interaction):
        return
    async with guarded(interaction, front.clock):
        words = words_of(interaction)
        if front.closing:
            raise QueueFull(words.stopping)
        check_interaction(interaction, words)
        for upload, name in ((wish.picture, "picture"), (wish.end_picture, "end_picture")):
            if upload is not None:
                front.uploads.check_claims(upload.size, upload.content_type, upload.name, words, field=name)
        incoming = _incoming(interaction, wish)
        await front.desk.check(incoming)
        front.accepting()
        status_ref = await _acknowledge(front, interaction)
        if status_ref is not None:
            await _accept(front, interaction, replace(incoming, status_ref=status_ref), wish)


def _incoming(interaction: Interaction, wish: Wish) -> Incoming:
    return Incoming(
        idem=idem_of(interaction),
        member=member_of(interaction),
        place=place_of(interaction),
        picture=b"",
        prompt=wish.prompt,
        seconds=wish.seconds,
        seed=wish.seed,
        # Empty bytes stand for a picture that is still to come: that there is one matters to the rules.
        end_picture=None if wish.end_picture is None else b"",
        style=wish.style,
        spoiler=wish.spoiler,
    )


async def _acknowledge(front: Front, interaction: Interaction) -> MessageRef | None:
    """The public placeholder; None where somebody else has answered and the answer is gone already."""
    channel_id = interaction.channel_id or 0
    await front.placeholders.note(
        Placeholder(interaction_id=interaction.id, channel_id=channel_id, locale=interaction.locale.value)
    )
    message_id = None
    for _ in range(ACKNOWLEDGE_TRIES):
        try:
            answer = await interaction.response.defer(thinking=True)
            message_id = None if answer is None else answer.message_id
        except discord.HTTPException as exc:
            if exc.code != ALREADY_ACKNOWLEDGED:
                await front.placeholders.forget(interaction.id)
                raise
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            log.info("acknowledgement cut off", extra={"kind": type(exc).__name__})
        # An earlier try may have been taken and its answer lost on the way: then the placeholder stands.
        message_id = message_id or await _original(interaction)
        if message_id is not None:
            placeholder = ref(channel_id, message_id)
            front.chat.welcome(placeholder, interaction)
            return placeholder
    await front.placeholders.forget(interaction.id)
    return None


async def _original(interaction: Interaction) -> int | None:
    try:
        return (await interaction.original_response()).id
    except discord.NotFound:
        return None


async def _accept(front: Front, interaction: Interaction, incoming: Incoming, wish: Wish) -> None:
    """Fetch the pictures and commit. A refusal from here on stands where everybody sees it, and goes after a while."""
    words = words_of(interaction)
    placeholder = incoming.status_ref
    assert placeholder is not None
    try:
        picture = await front.uploads.fetch(wish.picture.url, words, field="picture")
        end_picture = incoming.end_picture
        if wish.end_picture is not None:
            end_picture = await front.uploads.fetch(wish.end_picture.url, words, field="end_picture")
        accepted = await front.desk.submit(replace(incoming, picture=picture, end_picture=end_picture))
    except FlipbookError as exc:
        sentence = refusal(exc, locale=interaction.locale.value, now_ms=front.clock.now_ms())
        await _withdraw(front, interaction, placeholder, sentence)
    except Exception:
        log.exception("request not accepted")
        await _withdraw(front, interaction, placeholder, words.discord.broken)
    else:
        await front.placeholders.forget(interaction.id)
        await front.chat.greet(placeholder, status_view(accepted.status))
        if accepted.notes:
            await reply(interaction, "\n".join(accepted.notes))


async def _withdraw(front: Front, interaction: Interaction, placeholder: MessageRef, sentence: str) -> None:
    """The placeholder says why, and is taken away after a while."""
    shown = content(sentence)
    try:
        await interaction.edit_original_response(content=shown)
    except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError):
        if not await _say(front, placeholder, shown):
            # The note stays: the next start says it.
            return
    await front.placeholders.forget(interaction.id)
    front.errand(_remove_later(front, placeholder, REFUSAL_SHOWN_S), name="remove a refusal")


async def _say(front: Front, placeholder: MessageRef, shown: str) -> bool:
    """With the bot's own token. False where Discord cannot be reached now."""
    try:
        with translated():
            await front.chat.message(placeholder).edit(content=shown)
    except (MessageGone, PlaceClosed):
        return True
    except (ChatUnavailable, discord.HTTPException) as exc:
        log.warning("placeholder not withdrawn", extra={"reason": exc})
        return False
    return True


async def _remove_later(front: Front, placeholder: MessageRef, after_s: float) -> None:
    await asyncio.sleep(after_s)
    try:
        await front.chat.remove(placeholder)
    except (ChatUnavailable, PlaceClosed) as exc:
        log.info("placeholder stays", extra={"reason": exc})


async def settle_leftovers(front: Front, leftovers: Sequence[Placeholder]) -> None:
    """What a kill between acknowledgement and commit has left: say that nothing was taken down, then take it away."""
    for leftover in leftovers:
        try:
            await _settle(front, leftover)
        except ChatUnavailable:
            return  # with the next start
        await front.placeholders.forget(leftover.interaction_id)


async def _settle(front: Front, leftover: Placeholder) -> None:
    try:
        with translated():
            message_id = await _answer_to(front, leftover)
    except (PlaceClosed, MessageGone, discord.HTTPException) as exc:
        log.info("placeholder not found", extra={"reason": exc})
        return
    if message_id is None:
        return
    placeholder = ref(leftover.channel_id, message_id)
    if await front.desk.request_of(placeholder) is not None:
        return  # committed after all
    if not await _say(front, placeholder, content(table(leftover.locale).discord.lost_before_accepted)):
        raise ChatUnavailable
    front.errand(_remove_later(front, placeholder, LEFTOVER_SHOWN_S), name="remove a leftover")


async def _answer_to(front: Front, leftover: Placeholder) -> int | None:
    """The message that an interaction was answered with."""
    channel = front.chat.channel(str(leftover.channel_id))
    # The answer comes after the question, but the two ids may come from clocks that differ a little.
    since = discord.Object(leftover.interaction_id - SECOND_OF_IDS)
    async for message in channel.history(limit=LEFTOVER_MESSAGES_READ, after=since):
        asked = message.interaction_metadata
        if asked is not None and asked.id == leftover.interaction_id:
            return message.id
    return None
