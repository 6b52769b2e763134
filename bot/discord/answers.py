"""What every interaction needs: who asks where, and an answer that only they see."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import aiohttp
import discord

from bot.discord.errors import ALREADY_ACKNOWLEDGED, INVALID_TOKEN, UNKNOWN_INTERACTION
from bot.discord.permissions import Interaction
from bot.discord.text import back, content
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

T = TypeVar("T")

log = logging.getLogger(__name__)


def member_of(interaction: Interaction) -> Member:
    user = interaction.user
    return Member(platform=PLATFORM, user_id=str(user.id), name=user.display_name, locale=interaction.locale.value)


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
    done in any case: that it was heard is what counts. Raises discord.HTTPException where it is refused.
    """
    for _ in range(ANSWER_TRIES):
        try:
            given = await answer()
        except discord.HTTPException as exc:
            if exc.code == ALREADY_ACKNOWLEDGED:
                break  # by an earlier try, of the library's or of ours
            if exc.status < 500:
                raise
            log.info("first answer lost", extra={"status": exc.status})
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            log.info("first answer lost", extra={"kind": type(exc).__name__})
        else:
            return given
    interaction.extras[TAKEN] = True
    return None


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
    except discord.HTTPException as exc:
        if exc.code in TOO_LATE:
            log.info("interaction answered too late", extra={"code": exc.code})
            return
        log.warning("interaction failed", extra={"status": exc.status, "code": exc.code})
        await reply(interaction, words_of(interaction).discord.broken)
    except Exception:
        log.exception("interaction failed")
        await reply(interaction, words_of(interaction).discord.broken)
