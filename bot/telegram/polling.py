"""Asking Telegram for updates, again and again."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import cast

from telegram.error import Conflict, InvalidToken, NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.ext import ExtBot

from bot.telegram.budget import Priority
from bot.telegram.errors import seconds
from bot.telegram.inbox import Inbox
from bot.telegram.parsing import NoUpdate, receive

ALLOWED = ("message", "channel_post", "callback_query", "message_reaction", "my_chat_member")
"""Edited messages are not among them: a wish that is edited is not wished again. Reactions come only when asked for."""
AT_ONCE = 100
"""The most that Telegram gives at a time, and so the most that are open at once."""
ASK_S = 25
"""How long Telegram holds a question open while there is nothing to say."""
FAREWELL_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Between questions, in seconds."""

    busy_s: float = 1.0
    """While updates are open, later ones are asked for this often: a slow download holds up nobody else."""
    lost_s_min: float = 1.0
    lost_s_max: float = 30.0
    conflict_s: float = 15.0


class PollingBot(ExtBot[Priority]):
    """The library's bot, which also gives updates as they came: its own way fails on all for one that is strange."""

    async def raw_updates(self, *, offset: int | None, limit: int, held_s: int) -> list[object]:
        """getUpdates. held_s: how long Telegram may wait for one. Raises the library's errors."""
        given = {"offset": offset, "limit": limit, "timeout": held_s, "allowed_updates": ALLOWED}
        found: object = await self._post("getUpdates", given, read_timeout=ASK_S + held_s)
        return cast("list[object]", found) if isinstance(found, list) else []


async def poll(bot: PollingBot, inbox: Inbox, pauses: Pauses) -> None:
    """Until cancelled. Raises InvalidToken where Telegram refuses the token."""
    await _no_webhook(bot, pauses)
    lost_s = 0.0
    while True:
        try:
            held_s = 0 if inbox.busy else ASK_S
            updates = await bot.raw_updates(offset=inbox.offset, limit=AT_ONCE, held_s=held_s)
        except (TelegramError, RecursionError) as exc:
            lost_s = _pause_s(exc, lost_s, pauses)
            await asyncio.sleep(lost_s)
            continue
        lost_s = 0.0
        for update in updates:
            try:
                receive(inbox, update, bot)
            except NoUpdate:
                log.warning("Telegram sent an update without a number")
                # Nothing acknowledges it, so it comes again at once.
                await asyncio.sleep(pauses.lost_s_min)
        await inbox.rest(pauses.busy_s)


async def say_goodbye(bot: PollingBot, inbox: Inbox) -> None:
    """Let Telegram forget what is dealt with. What it does not hear now comes again, and changes nothing."""
    offset = inbox.offset
    if offset is None:
        return
    try:
        async with asyncio.timeout(FAREWELL_S):
            await bot.raw_updates(offset=offset, limit=1, held_s=0)
    except (TelegramError, TimeoutError) as exc:
        log.info("the last updates were not acknowledged", extra={"kind": type(exc).__name__})


async def _no_webhook(bot: ExtBot[Priority], pauses: Pauses) -> None:
    """Telegram gives updates in one way at a time."""
    lost_s = 0.0
    while True:
        try:
            await bot.delete_webhook()
        except InvalidToken:
            raise
        except TelegramError as exc:
            lost_s = _pause_s(exc, lost_s, pauses)
            await asyncio.sleep(lost_s)
        else:
            return


def _pause_s(error: TelegramError | RecursionError, before_s: float, pauses: Pauses) -> float:
    """How long to wait before the next question. Raises InvalidToken."""
    match error:
        case InvalidToken():
            raise error
        case RetryAfter():
            return seconds(error) + 0.5
        case TimedOut():
            return min(before_s, pauses.lost_s_min)
        case Conflict():
            log.warning(
                "another program asks Telegram for this bot's updates; only one may: stop the other one",
                extra={"wait_s": pauses.conflict_s},
            )
            return pauses.conflict_s
        case _:
            wait_s = min(pauses.lost_s_max, max(pauses.lost_s_min, 2 * before_s))
            if before_s == 0.0:
                kind = "no line" if isinstance(error, NetworkError) else type(error).__name__
                log.warning("Telegram cannot be reached", extra={"reason": kind, "wait_s": wait_s})
            return wait_s
