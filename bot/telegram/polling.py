"""Asking Telegram for updates, again and again."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from telegram.error import Conflict, InvalidToken, NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.ext import ExtBot

from bot.telegram.budget import Priority
from bot.telegram.inbox import Inbox
from bot.telegram.rates import seconds

ALLOWED = ("message", "callback_query", "message_reaction", "my_chat_member")
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


async def poll(bot: ExtBot[Priority], inbox: Inbox, pauses: Pauses) -> None:
    """Until cancelled. Raises InvalidToken where Telegram refuses the token."""
    await _no_webhook(bot, pauses)
    lost_s = 0.0
    while True:
        try:
            updates = await bot.get_updates(
                offset=inbox.offset,
                limit=AT_ONCE,
                timeout=0 if inbox.busy else ASK_S,
                allowed_updates=ALLOWED,
            )
        except TelegramError as exc:
            lost_s = _pause_s(exc, lost_s, pauses)
            await asyncio.sleep(lost_s)
            continue
        lost_s = 0.0
        for update in updates:
            inbox.take(update)
        await inbox.rest(pauses.busy_s)


async def say_goodbye(bot: ExtBot[Priority], inbox: Inbox) -> None:
    """Let Telegram forget what is dealt with. What it does not hear now comes again, and changes nothing."""
    offset = inbox.offset
    if offset is None:
        return
    try:
        async with asyncio.timeout(FAREWELL_S):
            await bot.get_updates(offset=offset, limit=1, timeout=0, allowed_updates=ALLOWED)
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


def _pause_s(error: TelegramError, before_s: float, pauses: Pauses) -> float:
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
