"""What answers to updates share: who asked where, and how to answer them. One for each connection."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from telegram import ForceReply, InlineKeyboardMarkup, LinkPreviewOptions, Message, ReplyParameters, User
from telegram.error import NetworkError, TelegramError
from telegram.ext import ExtBot

from bot.chat import ChatUnavailable
from bot.desk import Desk
from bot.intake import clean_text
from bot.pace import Pace
from bot.telegram.budget import Priority
from bot.telegram.chat import TelegramChat
from bot.telegram.later import Later
from bot.telegram.orphans import Orphans
from bot.telegram.repeat import surely_not_done
from bot.telegram.rights import Standing
from bot.telegram.text import TEXT_CHARS_MAX, Told, inert, shortened
from bot.telegram.uploads import Uploads
from bot.wording import table
from bot.wording.refusals import refusal
from bot.wording.table import Table
from storage.clock import Clock
from storage.errors import FlipbookError
from storage.jobs import Member, MessageRef, Place
from storage.settings import Settings

PLATFORM = "telegram"
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)

Markup = InlineKeyboardMarkup | ForceReply

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    bot: ExtBot[Priority]
    desk: Desk
    chat: TelegramChat
    uploads: Uploads
    standing: Standing
    settings: Settings
    clock: Clock
    orphans: Orphans
    reposts: Pace = field(default_factory=Pace)
    later: Later = field(default_factory=Later)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Who asks, and where an answer goes."""

    member: Member
    chat_id: int
    topic: int | None
    message_id: int | None
    """The message to answer to."""

    @property
    def private(self) -> bool:
        return self.chat_id > 0

    @property
    def place(self) -> Place:
        return place(self.chat_id)

    @property
    def words(self) -> Table:
        return table(self.member.locale)


def place(chat_id: int) -> Place:
    """A group is a community; so is every member's own conversation with the bot."""
    community = f"dm:{chat_id}" if chat_id > 0 else str(chat_id)
    return Place(platform=PLATFORM, community_id=community, chat_id=str(chat_id))


def member_of(user: User) -> Member:
    # A name may hold what turns the words after it around, or nothing that can be seen.
    name = clean_text(user.full_name) or f"#{user.id}"
    return Member(platform=PLATFORM, user_id=str(user.id), name=name, locale=user.language_code or "en")


def spot_of(message: Message, user: User) -> Spot:
    topic = message.message_thread_id if message.is_topic_message else None
    return Spot(member=member_of(user), chat_id=message.chat.id, topic=topic, message_id=message.message_id)


def ref(chat_id: int, message_id: int) -> MessageRef:
    return MessageRef(platform=PLATFORM, chat_id=str(chat_id), message_id=str(message_id))


def message_idem(bot_id: int, message: Message) -> str:
    """The same for an update that comes twice. Update numbers begin anew after a silent week; these never do."""
    return f"{PLATFORM}:{bot_id}:{message.chat.id}:{message.message_id}"


async def say(front: Front, spot: Spot, told: str | Told, *, markup: Markup | None = None) -> bool:
    """Answer, or a little later where the chat has no room now. Returns whether it was, or will be.

    A plain text may hold members' words and is made inert; what is to be pressed in our own sentences comes as `Told`.
    """
    told = told if isinstance(told, Told) else Told(inert(told))
    try:
        await _send(front, spot, told, markup)
    except ChatUnavailable as exc:
        # Buttons and names that call somebody are not merged with anything.
        plain = markup is None and not told.entities
        return plain and _owe(front, spot, told.text, exc)
    except TelegramError as exc:
        log.warning("answer not shown", extra={"chat": spot.chat_id, "kind": type(exc).__name__})
        return False
    return True


async def _send(front: Front, spot: Spot, told: Told, markup: Markup | None) -> None:
    """Raises the library's errors, ChatUnavailable where it has surely not been said."""
    try:
        await front.bot.send_message(
            spot.chat_id,
            shortened(told.text, TEXT_CHARS_MAX),
            entities=told.entities,
            reply_markup=markup,
            message_thread_id=spot.topic,
            reply_parameters=_reply_to(spot),
            link_preview_options=NO_PREVIEW,
            rate_limit_args=Priority.STATE,
        )
    except NetworkError as exc:
        if surely_not_done(exc):
            raise ChatUnavailable("the line to Telegram") from exc
        raise


def _owe(front: Front, spot: Spot, text: str, why: ChatUnavailable) -> bool:
    async def pay(texts: str) -> None:
        await _send(front, spot, Told(texts), None)

    whom = (spot.chat_id, spot.topic, spot.member.user_id)
    owed = front.later.owe(whom, text, pay, after_s=why.after_s)
    if not owed:
        log.warning("answer not shown: too much is owed", extra={"chat": spot.chat_id})
    return owed


@asynccontextmanager
async def guarded(front: Front, spot: Spot) -> AsyncGenerator[None]:
    """Everything that may go wrong while a member is answered, said to them: the rule, or that it is our fault."""
    try:
        yield
    except FlipbookError as exc:
        await _refuse(front, spot, refusal(exc, locale=spot.member.locale, now_ms=front.clock.now_ms()))
    except Exception:
        log.exception("a message was not answered")
        await _refuse(front, spot, spot.words.telegram.broken)


async def _refuse(front: Front, spot: Spot, text: str) -> None:
    """In private where a crowded group has no room for it, and where the member has ever written to the bot."""
    shown = inert(text)
    try:
        await _send(front, spot, Told(shown), None)
    except ChatUnavailable as exc:
        if spot.private or not await front.chat.tell(spot.member, text):
            _owe(front, spot, shown, exc)
    except TelegramError as exc:
        log.warning("refusal not shown", extra={"chat": spot.chat_id, "kind": type(exc).__name__})
        if not spot.private:
            await front.chat.tell(spot.member, text)


def _reply_to(spot: Spot) -> ReplyParameters | None:
    if spot.message_id is None:
        return None
    return ReplyParameters(message_id=spot.message_id, allow_sending_without_reply=True)
