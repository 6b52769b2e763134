"""What every interaction needs: who asks where, and an answer that only they see."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol, TypeVar, cast

import aiohttp
import discord

from bot.discord.errors import ALREADY_ACKNOWLEDGED, INVALID_TOKEN, UNKNOWN_INTERACTION, retry_after_s
from bot.discord.permissions import Interaction
from bot.discord.text import back, content
from bot.intake import clean_text
from bot.wording import table
from bot.wording.refusals import refusal
from bot.wording.table import Table
from storage.clock import Clock
from storage.errors import FlipbookError
from storage.jobs import Member, MessageRef, Place

PLATFORM = "discord"
TOO_LATE = frozenset({UNKNOWN_INTERACTION, ALREADY_ACKNOWLEDGED, INVALID_TOKEN})
"""The interaction takes no answer any more; nothing is wrong with the bot."""
ANSWER_TRIES = 2
TAKEN = "taken"
"""Marks an interaction whose first answer Discord has, as far as anybody can know: what follows is a second one."""

ANSWER_S = 2.8
"""Of the three seconds that Discord waits for a first answer, counted from when the bot began to give it."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class Unanswered(Exception):
    """Discord takes no answer to this interaction any more: its member reads that the application did not respond."""


class Crier(Protocol):
    """A client that can call a member in a channel, for what their interaction cannot tell them any more."""

    async def call_out(self, interaction: Interaction, sentence: str) -> None: ...


def member_of(interaction: Interaction) -> Member:
    user = interaction.user
    return Member(platform=PLATFORM, user_id=str(user.id), name=name_of(user), locale=interaction.locale.value)


def name_of(user: discord.abc.User) -> str:
    """Without what is invisible or turns the words after it around; the number where nothing else is left."""
    return clean_text(user.display_name) or f"#{user.id}"


def place_of(interaction: Interaction) -> Place:
    return place(interaction.guild_id, interaction.channel_id or 0, interaction.user.id)


def place(guild_id: int | None, channel_id: int, user_id: int) -> Place:
    """A server is a community; so is every member's own conversation with the bot."""
    community = str(guild_id) if guild_id is not None else f"dm:{user_id}"
    return Place(platform=PLATFORM, community_id=community, chat_id=str(channel_id))


def idem_of(interaction: Interaction) -> str:
    """The same for a delivery that comes twice."""
    return f"{PLATFORM}:{interaction.application_id}:{interaction.id}"


def ref(channel_id: int | str, message_id: int | str) -> MessageRef:
    return MessageRef(platform=PLATFORM, chat_id=str(channel_id), message_id=str(message_id))


def words_of(interaction: Interaction) -> Table:
    return table(interaction.locale.value)


async def first_answer(interaction: Interaction, answer: Callable[[], Awaitable[T]]) -> T | None:
    """Give an interaction its first answer: a deferral, a form, a message. Once: see `Front.first_time`.

    None where Discord's word on it was lost on the way. The answer may stand all the same, and what was asked for is
    done in any case: that it was heard is what counts. Raises Unanswered where Discord takes none any more, and
    discord.HTTPException where it is refused.
    """
    now_s = asyncio.get_running_loop().time
    until_s = now_s() + ANSWER_S
    for _ in range(ANSWER_TRIES):
        try:
            # The library waits out a rate limit of any length.
            async with asyncio.timeout_at(until_s):
                given = await answer()
        except discord.HTTPException as exc:
            if exc.code == ALREADY_ACKNOWLEDGED:
                break  # by an earlier try, of the library's or of ours
            if exc.code == UNKNOWN_INTERACTION:
                raise Unanswered from exc
            if exc.status == 429:
                wait_s = retry_after_s(exc)
                if now_s() + wait_s >= until_s:
                    raise Unanswered from exc
                await asyncio.sleep(wait_s)
            elif exc.status < 500:
                raise
            log.info("first answer lost", extra={"status": exc.status})
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            log.info("first answer lost", extra={"kind": type(exc).__name__})
            if now_s() >= until_s:
                await _check_stands(interaction, exc)
                break
        else:
            return given
    interaction.extras[TAKEN] = True
    return None


async def _check_stands(interaction: Interaction, reason: Exception) -> None:
    """Raises Unanswered where Discord knows of no answer, now that it takes none any more."""
    try:
        await interaction.original_response()
    except discord.NotFound as exc:
        raise Unanswered from exc
    except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError):
        log.info("nobody knows whether an answer stands", extra={"kind": type(reason).__name__})


async def acknowledge(interaction: Interaction) -> None:
    """Tell Discord that a press or a form was heard: at once, what follows may take longer than it waits."""
    await first_answer(interaction, interaction.response.defer)


async def reply(interaction: Interaction, text: str, *, after: str = "", view: discord.ui.View | None = None) -> None:
    """Say it to the one who asked and to nobody else. An interaction that is too old is let go.

    after: markup of ours that follows the text.
    """
    shown = content(text, after=after)
    given = discord.utils.MISSING if view is None else view
    try:
        if interaction.response.is_done() or TAKEN in interaction.extras:
            await interaction.followup.send(shown, ephemeral=True, view=given)
        else:
            send = interaction.response.send_message
            await first_answer(interaction, partial(send, shown, ephemeral=True, view=given))
    except Unanswered:
        await _call_out(interaction)
    except discord.HTTPException as exc:
        if exc.code not in TOO_LATE:
            log.warning("answer not shown", extra={"status": exc.status, "code": exc.code})
    except (aiohttp.ClientError, OSError, TimeoutError) as exc:
        log.warning("answer not shown", extra={"kind": type(exc).__name__})


@asynccontextmanager
async def guarded(interaction: Interaction, clock: Clock) -> AsyncGenerator[None]:
    """Everything that may go wrong while a member is answered, said to them: the rule, or that it is our fault."""
    try:
        yield
    except FlipbookError as exc:
        sentence = refusal(exc, locale=interaction.locale.value, now_ms=clock.now_ms())
        await reply(interaction, sentence, after=back(exc, interaction.locale.value))
    except Unanswered:
        await _call_out(interaction)
    except discord.HTTPException as exc:
        if exc.code in TOO_LATE:
            log.info("interaction answered too late", extra={"code": exc.code})
            return
        log.warning("interaction failed", extra={"status": exc.status, "code": exc.code})
        await reply(interaction, words_of(interaction).discord.broken)
    except Exception:
        log.exception("interaction failed")
        await reply(interaction, words_of(interaction).discord.broken)


async def _call_out(interaction: Interaction) -> None:
    log.warning("interaction not answered in time", extra={"interaction": interaction.id})
    await cast(Crier, interaction.client).call_out(interaction, words_of(interaction).discord.unanswered)
