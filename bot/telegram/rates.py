"""The library's rate limiter, in our manner: each chat waits for itself, films go first, previews never wait.

The library's own one stops everything on one chat's flood wait.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from telegram.error import RetryAfter
from telegram.ext import BaseRateLimiter

from bot.chat import ChatUnavailable
from bot.telegram.budget import Budgets, Ledger, Priority
from bot.telegram.errors import seconds
from bot.telegram.orphans import Orphans

PATIENCE_S = {Priority.FINAL: 5.0, Priority.LINE: 5.0, Priority.STATE: 4.0, Priority.PREVIEW: 0.0}
"""How long a call waits for its turn here. What takes longer is the relay's to plan: others use the line meanwhile."""
PAUSE_SLACK_S = 0.5
"""Beyond what Telegram asks for: its clock is not ours."""

COUNTED = frozenset(
    (
        *("sendMessage", "sendPhoto", "sendAnimation", "sendVideo", "sendDocument"),
        *("editMessageText", "editMessageCaption", "editMessageMedia", "editMessageReplyMarkup"),
    )
)
"""Calls that show something in a chat. Questions, answers to buttons and removals are not counted."""

MAKING = frozenset(name for name in COUNTED if name.startswith("send"))

Answer = bool | dict[str, Any] | list[dict[str, Any]]

log = logging.getLogger(__name__)


@dataclass(slots=True, order=True)
class _Waiting:
    priority: Priority
    number: int
    may_go: asyncio.Event = field(default_factory=asyncio.Event, compare=False)


class Limiter(BaseRateLimiter[Priority]):
    """Calls are made with `rate_limit_args=Priority…`; without one they count as STATE.

    Raises ChatUnavailable with `after_s` in place of a wait that is too long.
    """

    def __init__(
        self,
        budgets: Budgets | None = None,
        orphans: Orphans | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = Ledger(budgets or Budgets())
        self._monotonic = monotonic
        self._orphans = orphans or Orphans()
        self._numbers = 0
        self._lines: dict[int, list[_Waiting]] = {}

    async def initialize(self) -> None:
        """Nothing to open."""

    async def shutdown(self) -> None:
        """Nothing to close."""

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, Answer]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: Priority | None,
    ) -> Answer:
        chat_id = data.get("chat_id")
        if endpoint not in COUNTED or not isinstance(chat_id, int):
            return await callback(*args, **kwargs)
        priority = Priority.STATE if rate_limit_args is None else rate_limit_args
        await self._turn(chat_id, priority)
        try:
            if endpoint not in MAKING:
                return await callback(*args, **kwargs)
            with self._orphans.making(chat_id) as call:
                answer = await callback(*args, **kwargs)
                if isinstance(answer, dict):
                    call.made = answer.get("message_id")
            return answer
        except RetryAfter as exc:
            wait_s = seconds(exc) + PAUSE_SLACK_S
            log.warning("Telegram asks for a pause", extra={"chat": chat_id, "wait_s": wait_s, "call": endpoint})
            self._ledger.pause(chat_id, self._monotonic() + wait_s)
            raise ChatUnavailable("flood wait", after_s=wait_s) from exc
        finally:
            self._ledger.end(chat_id, priority, self._monotonic())
            self._wake(chat_id)

    async def _turn(self, chat_id: int, priority: Priority) -> None:
        """Return when this call may begin, which it then has."""
        line = self._lines.setdefault(chat_id, [])
        self._numbers += 1
        me = _Waiting(priority, self._numbers)
        line.append(me)
        deadline_s = self._monotonic() + PATIENCE_S[priority]
        try:
            while True:
                now_s = self._monotonic()
                wait_s = self._ledger.wait_s(chat_id, priority, now_s)
                first = min(line) is me
                if first and wait_s <= 0:
                    self._ledger.begin(chat_id, priority)
                    return
                if now_s + wait_s > deadline_s or now_s >= deadline_s:
                    raise ChatUnavailable("the chat's budget is spent", after_s=max(wait_s, 1.0))
                me.may_go.clear()
                # One that is not first is woken when the first has gone or given up.
                least_s = wait_s if first else max(wait_s, deadline_s - now_s)
                with suppress(TimeoutError):
                    await asyncio.wait_for(me.may_go.wait(), least_s)
        finally:
            line.remove(me)
            self._wake(chat_id)
            if not line and self._lines.get(chat_id) is line:
                del self._lines[chat_id]

    def _wake(self, chat_id: int) -> None:
        for waiting in self._lines.get(chat_id, ()):
            waiting.may_go.set()
