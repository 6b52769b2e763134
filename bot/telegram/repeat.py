"""Calls that may be made as often as one likes, made again where they fail: questions, and answers to buttons."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError

from bot.telegram.errors import seconds

TRIES = 3
PAUSE_S = 0.5
"""Before the second try; twice as long before the third."""
FLOOD_WAIT_S_MAX = 5.0
"""What Telegram asks for beyond it is not waited out: somebody waits for an answer."""

T = TypeVar("T")


async def repeated(call: Callable[[], Awaitable[T]]) -> T:
    """What the call gives at last. Raises the library's errors: at once where trying again is no help."""
    for number in range(TRIES - 1):
        try:
            return await call()
        except TelegramError as exc:
            pause_s = _pause_s(exc, PAUSE_S * 2**number)
            if pause_s is None:
                raise
            await asyncio.sleep(pause_s)
    return await call()


def surely_not_done(error: BaseException) -> bool:
    """Whether the call never reached Telegram. Otherwise an answer that is lost may mean that it was done."""
    never_sent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
    return isinstance(error.__cause__, never_sent)


def _pause_s(error: TelegramError, usual_s: float) -> float | None:
    match error:
        case BadRequest():
            # A kind of NetworkError to the library; but this is an answer.
            return None
        case RetryAfter() if seconds(error) <= FLOOD_WAIT_S_MAX:
            return seconds(error) + usual_s
        case NetworkError():
            return usual_s
        case _:
            return None
