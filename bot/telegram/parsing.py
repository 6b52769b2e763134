"""From what Telegram sends to the library's objects. Strange updates are Telegram's next version, or a mistake."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, cast

from telegram import Update
from telegram.ext import ExtBot

from bot.telegram.budget import Priority
from bot.telegram.inbox import Inbox

NUMBER_MAX = 2**63

log = logging.getLogger(__name__)


class NoUpdate(Exception):
    """There is not even a number by which it could be acknowledged."""


def receive(inbox: Inbox, raw: object, bot: ExtBot[Priority]) -> asyncio.Task[None] | None:
    """Hand an update on, as decoded JSON; None where nothing is to be done. Raises NoUpdate.

    One that the library cannot read is passed over with a line in the log: it would be as strange the next time.
    """
    if not isinstance(raw, dict):
        raise NoUpdate
    number: object = cast("dict[str, object]", raw).get("update_id")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < NUMBER_MAX:
        raise NoUpdate
    found = cast("dict[str, Any]", raw)
    try:
        return inbox.take(Update.de_json(found, bot))
    except Exception as exc:
        # The library says nowhere what it raises: TypeError, KeyError and OverflowError have been seen. No traceback
        # and no sentence: both may hold what a member wrote.
        log.warning("an update cannot be read: it is passed over", extra={"update": number, "kind": _kind(found, exc)})
        inbox.skip(number)
        return None


def _kind(raw: Mapping[str, object], error: Exception) -> str:
    names = sorted(name[:40] for name in raw if name != "update_id")
    return f"{type(error).__name__} in {', '.join(names[:3])}"
