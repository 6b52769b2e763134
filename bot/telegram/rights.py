"""Who may do what in a chat, asked of Telegram and remembered for a minute."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from telegram import (
    ChatMember,
    ChatMemberAdministrator,
    ChatMemberBanned,
    ChatMemberLeft,
    ChatMemberOwner,
    ChatMemberRestricted,
    ChatPermissions,
)
from telegram.error import BadRequest, Forbidden, NetworkError, TelegramError, TimedOut
from telegram.ext import ExtBot

from bot.telegram.budget import Priority
from bot.telegram.repeat import repeated
from bot.wording.table import Table
from storage.errors import RequestRejected

KEPT_S = 60.0
KNOWN_MAX = 5_000
NEEDED = ("can_send_messages", "can_send_photos", "can_send_videos", "can_send_other_messages")
"""A status is a photo, a film a video or an animation; animations are among the "other messages"."""

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Rights:
    """The bot's own, in a group."""

    missing: tuple[str, ...] = ()
    """Of NEEDED."""
    present: bool = True


class Standing:
    """What Telegram says of members and of the bot itself."""

    def __init__(self, bot: ExtBot[Priority], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._bot = bot
        self._monotonic = monotonic
        self._moderators: OrderedDict[tuple[int, int], tuple[float, bool]] = OrderedDict()
        self._own: OrderedDict[int, tuple[float, Rights]] = OrderedDict()

    async def is_moderator(self, chat_id: int, user_id: int) -> bool:
        """Whoever may take other people's messages away here may do the same to films. False where nobody can tell."""
        if chat_id > 0:
            return False
        key = (chat_id, user_id)
        known = self._known(self._moderators, key)
        if known is None:
            try:
                member = await repeated(partial(self._bot.get_chat_member, chat_id, user_id))
            except TelegramError:
                return False
            known = _moderates(member)
            self._keep(self._moderators, key, known)
        return known

    async def check_here(self, chat_id: int, words: Table) -> None:
        """Refuse where the bot could not bring a film: before it is accepted, never after it is drawn.

        Raises RequestRejected that names what is missing. Where Telegram cannot be asked now, nothing is refused.
        """
        if chat_id > 0:
            return
        rights = self._known(self._own, chat_id)
        if rights is None:
            rights = await self._ask(chat_id)
            if rights is None:
                return
            self._keep(self._own, chat_id, rights)
        if rights.missing or not rights.present:
            own = words.telegram
            names = ", ".join(own.permissions[name] for name in rights.missing or NEEDED)
            raise RequestRejected(own.permission_missing.format(permissions=names), field="place")

    def forget(self, chat_id: int) -> None:
        """Something has changed there."""
        self._own.pop(chat_id, None)
        for key in [key for key in self._moderators if key[0] == chat_id]:
            del self._moderators[key]

    async def _ask(self, chat_id: int) -> Rights | None:
        try:
            me = await repeated(partial(self._bot.get_chat_member, chat_id, self._bot.id))
            if isinstance(me, ChatMemberLeft | ChatMemberBanned):
                return Rights(present=False)
            if isinstance(me, ChatMemberOwner | ChatMemberAdministrator):
                return Rights()
            if isinstance(me, ChatMemberRestricted):
                return _rights(me)
            chat = await repeated(partial(self._bot.get_chat, chat_id))
        except Forbidden:
            return Rights(present=False)
        except (BadRequest, TimedOut, NetworkError):
            return None
        except TelegramError:
            return None
        return _rights(chat.permissions) if chat.permissions is not None else Rights()

    def _known(self, cache: OrderedDict[K, tuple[float, V]], key: K) -> V | None:
        found = cache.get(key)
        return None if found is None or self._monotonic() - found[0] > KEPT_S else found[1]

    def _keep(self, cache: OrderedDict[K, tuple[float, V]], key: K, value: V) -> None:
        cache[key] = (self._monotonic(), value)
        cache.move_to_end(key)
        while len(cache) > KNOWN_MAX:
            cache.popitem(last=False)


def _moderates(member: ChatMember) -> bool:
    if isinstance(member, ChatMemberOwner):
        return True
    return isinstance(member, ChatMemberAdministrator) and bool(member.can_delete_messages)


def _rights(granted: ChatMemberRestricted | ChatPermissions) -> Rights:
    # What is not said at all is not forbidden.
    return Rights(missing=tuple(name for name in NEEDED if getattr(granted, name) is False))
