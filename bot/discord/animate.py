"""From a command or a form to a request: refuse in private, acknowledge in public, fetch, commit.

Discord fixes at the first answer whether everybody sees it. So whatever can be refused without the picture is refused
first and privately; then a public "thinking…" stands, which becomes the request's status message when it is committed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial

import aiohttp
import discord

from bot.chat import Incoming
from bot.discord.answers import Unanswered, first_answer, guarded, idem_of, member_of, place_of, ref, reply, words_of
from bot.discord.front import Front
from bot.discord.leftovers import REFUSAL_SHOWN_S, remove_later, say
from bot.discord.permissions import Interaction, check_interaction
from bot.discord.placeholders import Placeholder
from bot.discord.text import content
from bot.wording.refusals import refusal
from bot.wording.views import status_view
from storage.errors import FlipbookError, QueueFull
from storage.jobs import MessageRef

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as Discord describes it. Nothing of this is believed but the address."""

    url: str
    name: str
    size: int | None
    """None where Discord does not say."""
    spoiler: bool = False
    """Covered by the member who uploaded it."""


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

    @property
    def uploads(self) -> dict[str, Upload]:
        """By the name of the field that a refusal is about."""
        both = {"picture": self.picture, "end_picture": self.end_picture}
        return {name: upload for name, upload in both.items() if upload is not None}


def upload_of(attachment: discord.Attachment) -> Upload:
    return Upload(
        url=attachment.url,
        name=attachment.filename,
        size=attachment.size,
        spoiler=attachment.is_spoiler(),
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
        for name, upload in wish.uploads.items():
            front.uploads.check_size(upload.size, words, field=name)
        incoming = _incoming(interaction, wish)
        await front.desk.check(incoming)
        front.accepting()
        status_ref = await _acknowledge(front, interaction)
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
        # What its member has covered stays so in the film.
        spoiler=wish.spoiler or any(upload.spoiler for upload in wish.uploads.values()),
    )


async def _acknowledge(front: Front, interaction: Interaction) -> MessageRef:
    """The public placeholder. Raises Unanswered where none stands."""
    channel_id = interaction.channel_id or 0
    await front.placeholders.note(_note(interaction))
    try:
        answer = await first_answer(interaction, partial(interaction.response.defer, thinking=True))
    except (Unanswered, discord.HTTPException):
        await front.placeholders.forget(interaction.id)
        raise
    message_id = None if answer is None else answer.message_id
    # Where the answer was lost on its way, the placeholder may stand.
    message_id = message_id or await _original(interaction)
    if message_id is None:
        await front.placeholders.forget(interaction.id)
        raise Unanswered
    placeholder = ref(channel_id, message_id)
    front.chat.welcome(placeholder, interaction)
    return placeholder


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
        # The turn is held until the pictures are on the disk: with it, so many are in memory and no more.
        async with front.uploads.turn(incoming.member.user_id):
            fetched = {
                name: await front.uploads.fetch(upload.url, words, field=name) for name, upload in wish.uploads.items()
            }
            accepted = await front.desk.submit(replace(incoming, **fetched))
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
        if not await say(front, placeholder, shown):
            # The note stays as it is: the next start says that nothing was taken down.
            return
    note = _note(interaction, int(placeholder.message_id))
    await remove_later(front, note, REFUSAL_SHOWN_S)


def _note(interaction: Interaction, message_id: int | None = None) -> Placeholder:
    """Of an answer that is still to come, or of one that says why nothing comes of the wish."""
    return Placeholder(
        interaction_id=interaction.id,
        channel_id=interaction.channel_id or 0,
        locale=interaction.locale.value,
        message_id=message_id,
        said=message_id is not None,
    )
