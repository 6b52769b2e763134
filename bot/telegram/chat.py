"""Telegram as the port sees it: post, edit, deliver, remove, tell.

Telegram knows no nonces: a call whose answer is lost may have been done. So nothing here repeats a call by itself, and
the one message that must never stand twice, the film, is made of a line whose number is committed before the film goes
into it. Filling the line again shows the same film again, in the same message. How the relay's tries at one message
are kept from leaving many, `doubts.py` says.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from telegram import Message
from telegram.error import BadRequest, ChatMigrated, TelegramError
from telegram.ext import ExtBot

from bot.chat import ChatUnavailable, Limits, MessageGone, PlaceClosed, Slip, View
from bot.delivery import Ladder, wished_form
from bot.desk import Desk
from bot.telegram import errors
from bot.telegram.budget import Priority
from bot.telegram.calls import edit_media, edit_words, post
from bot.telegram.controls import keyboard
from bot.telegram.doubts import Doubts
from bot.telegram.errors import TooLarge, says, translate
from bot.telegram.layout import film_line, film_media, preview_media, reply_to
from bot.telegram.memory import Memory, Shown
from bot.telegram.origin import Origin, read_origin
from bot.telegram.text import TEXT_CHARS_MAX, inert, shortened
from storage.jobs import JobState, Member, MessageRef, Place, Status
from storage.settings import Form, Settings

CLOUD_BYTES_MAX = 50_000_000
LOCAL_BYTES_MAX = 2_000_000_000
REFRESH_S = 15.0
"""Between edits that later ones cover: four a minute in a chat."""
NOT_CONNECTED_S = 2.0
MOVED_S = 1.0
REFUSALS_BELIEVED, REFUSALS_KEPT = 3, 1_000
"""Of one message that may not be deleted; of messages that were refused once."""
NOWHERE = "0"
"""No message has this number."""

log = logging.getLogger(__name__)


class TelegramChat:
    """Implements `bot.chat.Chat` over a bot that comes and goes: without one, everything is unavailable."""

    def __init__(self, desk: Desk, settings: Settings, *, refresh_s: float = REFRESH_S) -> None:
        self._desk = desk
        self._settings = settings
        self._refresh_s = refresh_s
        self._bot: ExtBot[Priority] | None = None
        self._memory = Memory()
        self._doubts = Doubts()
        self._refusals: dict[MessageRef, int] = {}

    @property
    def platform(self) -> str:
        return "telegram"

    @property
    def limits(self) -> Limits:
        return Limits(
            edit_interval_s=self._refresh_s,
            media_interval_s=self._refresh_s,
            upload_bytes_max=self._upload_bytes_max,
        )

    def connect(self, bot: ExtBot[Priority] | None) -> None:
        """Speak through this bot from now on; None while there is no connection."""
        self._bot = bot

    async def post(self, place: Place, view: View, *, nonce: str) -> MessageRef:
        """The photo itself with the words below it, shown by its file_id; words alone where it was no photo."""
        if view.status.state is JobState.DONE and not view.status.film_lost:
            # The relay asks for a message that may stand already, to take it away. Telegram cannot be asked, and one
            # that is posted only to go again helps nobody.
            return MessageRef(platform=self.platform, chat_id=place.chat_id, message_id=NOWHERE)
        origin = read_origin(view.status.origin)
        async with self._making(place, origin, nonce) as bot:
            message = await post(bot, place, view, origin)
        return self._ref(message, Shown(plain=not message.photo, text=view.text, actions=view.actions))

    async def edit(self, ref: MessageRef, view: View) -> None:
        if view.status.state.terminal and view.media is not None:
            # A film that is covered now.
            await self._fill(ref, view)
            return
        if ref.message_id == NOWHERE:
            raise MessageGone
        known = self._memory.of(ref)
        if view.media is None and known is not None and (known.text, known.actions) == (view.text, view.actions):
            return
        priority = Priority.FINAL if view.status.state.terminal else Priority.PREVIEW
        markup = keyboard(view)
        async with self._telling(ref.chat_id, moved=MessageGone()) as bot:
            try:
                if view.media is None:
                    plain = known is not None and known.plain
                    plain = await edit_words(bot, ref, inert(view.text), markup, priority, plain=plain)
                else:
                    media = await preview_media(view.media, view, self._settings.data.folder)
                    await edit_media(bot, ref, media, markup, priority)
                    plain = False
            except BadRequest as exc:
                if says(exc, errors.NOT_EDITABLE):
                    # Another one takes its place, and two must not stand.
                    await self.take_away(ref)
                if not says(exc, errors.UNCHANGED):
                    raise
                return
        self._memory.keep(ref, Shown(plain=plain, text=view.text, actions=view.actions))

    async def deliver(self, place: Place, view: View, *, nonce: str, slip: Slip) -> MessageRef:
        """A line that calls its requester, then the film in its place."""
        line = slip.begun or await self._begin(place, view, nonce, slip)
        try:
            await self._fill(line, view)
        except MessageGone:
            # Somebody took the line away, the group has become another one, or Telegram lets nobody fill the line.
            await self.take_away(line)
            line = await self._begin(place, view, nonce, slip)
            await self._fill(line, view)
        return line

    async def remove(self, ref: MessageRef) -> None:
        if await self.take_away(ref):
            return
        # Too old, Telegram says; but it says so of younger ones too, when something is wrong.
        refusals = self._refusals.pop(ref, 0) + 1
        if refusals < REFUSALS_BELIEVED:
            if len(self._refusals) >= REFUSALS_KEPT:
                self._refusals.clear()
            self._refusals[ref] = refusals
            raise ChatUnavailable("not deleted")

    async def take_away(self, ref: MessageRef) -> bool:
        """Remove a message; False where Telegram lets nobody do so any more, after two days: then its buttons go."""
        if ref.message_id == NOWHERE:
            return True
        self._memory.forget(ref)
        try:
            async with self._telling(ref.chat_id, moved=MessageGone()) as bot:
                try:
                    await bot.delete_message(int(ref.chat_id), int(ref.message_id))
                except BadRequest as exc:
                    if not says(exc, errors.TOO_OLD_TO_DELETE):
                        raise
                    await self._without_buttons(bot, ref)
                    return False
        except MessageGone:
            return True
        return True

    async def _without_buttons(self, bot: ExtBot[Priority], ref: MessageRef) -> None:
        try:
            await bot.edit_message_reply_markup(
                int(ref.chat_id), int(ref.message_id), reply_markup=None, rate_limit_args=Priority.STATE
            )
        except BadRequest as exc:
            if not says(exc, errors.UNCHANGED):
                raise

    async def tell(self, member: Member, text: str) -> bool:
        if not member.user_id.isdecimal():
            return False
        try:
            async with self._telling(member.user_id, moved=MessageGone()) as bot:
                await bot.send_message(
                    int(member.user_id), shortened(inert(text), TEXT_CHARS_MAX), rate_limit_args=Priority.STATE
                )
        except (ChatUnavailable, MessageGone, PlaceClosed, TelegramError) as exc:
            log.info("not told privately", extra={"kind": type(exc).__name__})
            return False
        return True

    async def moved(self, old_chat_id: str, new_chat_id: str) -> None:
        """A group has become a supergroup, under another number: everything of it goes along."""
        if await self._desk.move_chat(self.platform, old_chat_id, new_chat_id):
            log.info("a group has become a supergroup", extra={"old": old_chat_id, "new": new_chat_id})

    async def form(self, status: Status) -> Form:
        """As what a film goes out: as its requester asked, else as its community wishes."""
        # A silent MP4 plays by itself here, and is smaller and better than a GIF: one of the two is enough.
        former = await self._desk.former_chats(self.platform, status.place.community_id)
        known = (name for name in (status.place.community_id, *former) if name in self._settings.community)
        wished = wished_form(status, self._settings.form(next(known, status.place.community_id)))
        return "gif" if wished == "gif" else "mp4"

    @property
    def _upload_bytes_max(self) -> int:
        return LOCAL_BYTES_MAX if self._settings.telegram.local_mode else CLOUD_BYTES_MAX

    @asynccontextmanager
    async def _telling(self, chat_id: str, *, moved: Exception) -> AsyncGenerator[ExtBot[Priority]]:
        """The bot, and its errors in the relay's words. moved: what to raise where the group has another number now."""
        bot = self._bot
        if bot is None:
            raise ChatUnavailable("not connected", after_s=NOT_CONNECTED_S)
        try:
            yield bot
        except ChatMigrated as exc:
            await self.moved(chat_id, str(exc.new_chat_id))
            raise moved from exc
        except TelegramError as exc:
            raise translate(exc) from exc

    @asynccontextmanager
    async def _making(self, place: Place, origin: Origin, nonce: str) -> AsyncGenerator[ExtBot[Priority]]:
        """As `_telling`, for a call that makes a message."""
        async with (
            self._telling(place.chat_id, moved=_later()) as bot,
            self._doubts.making(bot, nonce, int(place.chat_id), origin.topic),
        ):
            yield bot

    async def _begin(self, place: Place, view: View, nonce: str, slip: Slip) -> MessageRef:
        """The line, committed. A call whose answer is lost leaves an orphan line at worst, never a second film."""
        origin = read_origin(view.status.origin)
        told = film_line(view)
        async with self._making(place, origin, nonce) as bot:
            message = await bot.send_message(
                int(place.chat_id),
                told.text,
                entities=told.entities,
                message_thread_id=origin.topic,
                reply_parameters=reply_to(origin, place),
                rate_limit_args=Priority.LINE,
            )
        line = self._ref(message, Shown(plain=True))
        try:
            await slip.begin(line)
        except BaseException:
            # Nobody knows of it, and the next try makes another one.
            with suppress(ChatUnavailable, PlaceClosed):
                await asyncio.shield(self.take_away(line))
            raise
        return line

    async def _fill(self, line: MessageRef, view: View) -> None:
        """Put the film into its message, as large as Telegram takes it."""
        form = await self.form(view.status)
        folder = self._settings.data.folder
        async with Ladder(view, bytes_max=self._upload_bytes_max, form=form, data_folder=folder) as ladder:
            while True:
                parcel = await ladder.rung()
                media = await film_media(parcel, view, folder)
                try:
                    async with self._telling(line.chat_id, moved=MessageGone()) as bot:
                        try:
                            await edit_media(bot, line, media, keyboard(view), Priority.FINAL)
                        except BadRequest as exc:
                            if not says(exc, errors.UNCHANGED):
                                raise
                    return
                except TooLarge:
                    ladder.refused()

    def _ref(self, message: Message, shown: Shown) -> MessageRef:
        found = MessageRef(platform=self.platform, chat_id=str(message.chat.id), message_id=str(message.message_id))
        self._memory.keep(found, shown)
        return found


def _later() -> ChatUnavailable:
    """The relay comes back with the group's new number."""
    return ChatUnavailable("the group has moved", after_s=MOVED_S)
