"""Messages of the bot's own that nobody wrote down, because the answer to the call that made them was lost.

Telegram cannot be asked for them, but it numbers a chat's messages upwards: such a message has a number between the
highest one known when its call began and that of the next message made there. Numbers in between that nobody knows are
tried by taking their buttons away, which Telegram lets a bot do with its own messages alone; those it does are deleted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError
from telegram.ext import ExtBot

from bot.chat import ChatUnavailable
from bot.telegram import errors
from bot.telegram.budget import Priority
from bot.telegram.errors import says
from bot.telegram.repeat import surely_not_done

KNOWN_MAX = 20_000
CHATS_MAX = 500
PROBES_MAX = 20
"""Numbers tried for one lost answer, the newest first: each is an edit, and takes its turn behind everything else."""
PAUSE_S_MIN, PAUSE_S_MAX = 1.0, 120.0
TRIES_MAX = 50
"""Of one call that Telegram does not take now: more than an hour."""

IsKnown = Callable[[int, int], Awaitable[bool]]
"""Whether a message, by chat and number, is written down: that of a request, also of an earlier process."""

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Making:
    """A call that makes a message."""

    low: int | None
    """The highest number known in its chat when it began."""
    made: int | None = None
    """The message's number, once Telegram has said it."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Orphans:
    """Outlives a connection. Lost in a restart, which costs one message that stays at worst."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, int], None] = OrderedDict()
        self._newest: OrderedDict[int, int] = OrderedDict()
        self._under_way: defaultdict[int, set[Making]] = defaultdict(set)
        self._lost: dict[int, list[int]] = {}
        self._due = asyncio.Event()
        self._ripe: dict[int, int] = {}

    def seen(self, chat_id: int, number: int) -> None:
        """There is such a message, and it is known whose."""
        self._known[chat_id, number] = None
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        self._newest[chat_id] = max(number, self._newest.get(chat_id, 0))
        self._newest.move_to_end(chat_id)
        while len(self._newest) > CHATS_MAX:
            self._newest.popitem(last=False)

    @contextmanager
    def making(self, chat_id: int) -> Generator[Making]:
        """The block makes the call, and says which message came of it."""
        call = Making(self._newest.get(chat_id))
        self._under_way[chat_id].add(call)
        try:
            yield call
        except NetworkError as exc:
            answered = isinstance(exc, BadRequest) or says(exc, *errors.TOO_LARGE)
            # Without any number known, everything that ever stood there would have to be tried.
            if not answered and not surely_not_done(exc) and call.low is not None and len(self._lost) < CHATS_MAX:
                self._lost.setdefault(chat_id, []).append(call.low)
            raise
        finally:
            call.ended.set()
            self._under_way[chat_id].discard(call)
            if not self._under_way[chat_id]:
                del self._under_way[chat_id]
        if call.made is not None:
            self.seen(chat_id, call.made)
            if chat_id in self._lost:
                self._ripe[chat_id] = call.made
                self._due.set()

    async def run(self, bot: ExtBot[Priority], is_known: IsKnown) -> None:
        """Until cancelled: take away what is found."""
        while True:
            await self._due.wait()
            self._due.clear()
            ripe, self._ripe = self._ripe, {}
            async with asyncio.TaskGroup() as group:
                for chat_id, high in ripe.items():
                    group.create_task(self._sweep(bot, is_known, chat_id, high))

    async def _sweep(self, bot: ExtBot[Priority], is_known: IsKnown, chat_id: int, high: int) -> None:
        # What is under way may have made a message already, and not yet said which.
        for call in list(self._under_way.get(chat_id, ())):
            await call.ended.wait()
        lows = self._lost.get(chat_id, [])
        left = count = len(lows)
        try:
            for number in range(high - 1, max(min(lows[:count], default=high), high - 1 - PROBES_MAX), -1):
                if (chat_id, number) in self._known or await is_known(chat_id, number):
                    continue
                if await _is_ours(bot, chat_id, number):
                    log.info("a message whose answer was lost is taken away", extra={"chat": chat_id})
                    await _insist(partial(bot.delete_message, chat_id, number))
                    left -= 1
                if left <= 0:
                    break
        except (TelegramError, ChatUnavailable) as exc:
            log.info("a message whose answer was lost stays", extra={"chat": chat_id, "kind": type(exc).__name__})
        except Exception:
            # One chat's trouble is not the next one's.
            log.exception("a message whose answer was lost stays", extra={"chat": chat_id})
        finally:
            del lows[:count]
            if not self._lost.get(chat_id):
                self._lost.pop(chat_id, None)


async def _is_ours(bot: ExtBot[Priority], chat_id: int, number: int) -> bool:
    take_buttons = partial(
        bot.edit_message_reply_markup, chat_id, number, reply_markup=None, rate_limit_args=Priority.PREVIEW
    )
    try:
        await _insist(take_buttons)
    except BadRequest as exc:
        # One of ours that had no buttons: a film's line.
        return says(exc, errors.UNCHANGED)
    return True


async def _insist(call: Callable[[], Awaitable[object]]) -> None:
    """Until Telegram answers. Raises the library's errors that are answers."""
    pause_s = PAUSE_S_MIN
    for _ in range(TRIES_MAX):
        try:
            await call()
            return
        except BadRequest:
            raise
        except ChatUnavailable as exc:
            await asyncio.sleep(exc.after_s or pause_s)
        except (NetworkError, RetryAfter):
            await asyncio.sleep(pause_s)
        pause_s = min(PAUSE_S_MAX, 2 * pause_s)
    raise ChatUnavailable("not answered")
