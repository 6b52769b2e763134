"""Discord as the port sees it: post, edit, deliver, remove, tell. Everything with the bot's own token."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TypeVar

import discord
from discord.abc import PrivateChannel

from bot.chat import Action, ChatUnavailable, Limits, MessageGone, PlaceClosed, Slip, View
from bot.delivery import Ladder, Parcel, wished_form
from bot.discord.answers import PLATFORM, ref
from bot.discord.archives import Archives
from bot.discord.controls import controls, film_ids, is_film, status_ids
from bot.discord.errors import EditsUsedUp, TooLarge, translated
from bot.discord.files import opened
from bot.discord.greetings import Greetings
from bot.discord.memory import Memory
from bot.discord.permissions import Interaction
from bot.discord.text import begins, content, small_print
from storage.clock import Clock
from storage.jobs import JobState, Member, MessageRef, Place
from storage.settings import Settings

UPLOAD_BYTES_MAX = 20 * 2**20
"""What Discord takes where nothing more is known, since September 2026."""
UPLOAD_FLOOR_BYTES = 10 * 2**20
"""What it took before: where more is refused, this is tried next."""
SMALL_COMMUNITIES_MAX = 1_000
EDITABLE_MS = 55 * 60_000
"""Edits of messages older than an hour are throttled: such a message is replaced a little earlier."""
NONCE_MS = 60_000
"""Discord remembers a nonce for some minutes. What is older than this is looked for before it is posted again."""
NOT_READY_S = 2.0
REROLL_EMOJI = "🔁"
SEED_S = 2.0
"""At a stop, for the reactions that are still to be shown."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class DiscordChat:
    """Implements `bot.chat.Chat` over a client that comes and goes: without one, everything is unavailable."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._client: discord.Client | None = None
        self._memory = Memory()
        self._archives = Archives()
        self._small: OrderedDict[str, None] = OrderedDict()
        self._greetings = Greetings()
        self._seeding: set[asyncio.Task[None]] = set()

    @property
    def platform(self) -> str:
        return PLATFORM

    @property
    def limits(self) -> Limits:
        return Limits(edit_interval_s=5.0, media_interval_s=15.0, upload_bytes_max=UPLOAD_FLOOR_BYTES)

    def connect(self, client: discord.Client | None) -> None:
        """Speak through this client from now on; None while there is no connection."""
        self._client = client

    def welcome(self, message: MessageRef, interaction: Interaction) -> None:
        """The placeholder that an interaction has just been answered with."""
        self._greetings.welcome(message, interaction)

    async def greet(self, message: MessageRef, view: View) -> None:
        """Put the first status into a placeholder at once, before the relay comes to it among everything else."""
        await self._greetings.greet(message, view, self._words(view))

    async def post(self, place: Place, view: View, *, nonce: str) -> MessageRef:
        wanted = status_ids(view.status.request_id)
        if (stands := await self._standing(place, wanted, since_ms=view.status.created_ms)) is not None:
            try:
                await self.edit(stands, view)
            except MessageGone:
                log.info("status deleted meanwhile", extra={"request_id": view.status.request_id})
            else:
                return stands
        channel = self.channel(place.chat_id, place.community_id)

        async def send() -> discord.Message:
            async with self._files(view) as files:
                with translated():
                    return await channel.send(self._words(view), files=files, view=controls(view), nonce=nonce)

        try:
            message = await self._awake(place.chat_id, send, leave_awake=True)
        except TooLarge:
            return await self.post(place, _without_preview(view), nonce=nonce)
        return ref(place.chat_id, message.id)

    async def edit(self, ref: MessageRef, view: View) -> None:
        try:
            if is_film(view):
                await self._edit_film(ref, view)
            else:
                await self._edit_status(ref, view)
        except MessageGone:
            self._memory.forget(int(ref.chat_id), int(ref.message_id))
            raise

    async def _edit_status(self, ref: MessageRef, view: View) -> None:
        if self._too_old(ref):
            await self.remove(ref)
            raise MessageGone
        if await self._greetings.shows(ref, view, self._words(view)):
            return
        show = partial(self._show_status, ref, view)
        try:
            if view.passing:
                await show()
            else:
                await self._awake(ref.chat_id, show, leave_awake=not view.status.state.terminal)
        except EditsUsedUp:
            await self.remove(ref)
            raise MessageGone from None
        except TooLarge:
            await self._edit_status(ref, _without_preview(view))

    async def _show_status(self, ref: MessageRef, view: View) -> None:
        async with self._files(view) as files:
            # Text alone leaves a preview where it is; what is over has none.
            running = view.status.state is JobState.RUNNING
            attachments = files if files or not running else discord.utils.MISSING
            with translated():
                await self.message(ref).edit(content=self._words(view), attachments=attachments, view=controls(view))

    async def deliver(self, place: Place, view: View, *, nonce: str, slip: Slip) -> MessageRef:
        """The film with its buttons, its requester mentioned, as large as the server takes it. One call: no slip."""
        status = view.status
        wanted = film_ids(status.request_id)
        since_ms = status.ended_ms or status.created_ms
        if (stands := await self._standing(place, wanted, since_ms=since_ms)) is not None:
            self._seed(stands, view)
            return stands
        return await self.repost(place, view, nonce=nonce)

    async def repost(self, place: Place, view: View, *, nonce: str) -> MessageRef:
        """The film as a new message, also where it stands there already."""
        channel = self.channel(place.chat_id, place.community_id)
        called = [] if view.mention is None else [discord.Object(int(view.mention.user_id))]
        before = "" if view.mention is None else f"<@{view.mention.user_id}> "

        async def send(files: list[discord.File], reduced: str) -> MessageRef:
            message = await channel.send(
                content(view.text, before=before, after=small_print(reduced)),
                files=files,
                view=controls(view),
                nonce=nonce,
                allowed_mentions=discord.AllowedMentions(everyone=False, roles=False, users=called),
            )
            return ref(place.chat_id, message.id)

        posted = await self._climb(place, view, send, leave_awake=True)
        self._seed(posted, view)
        return posted

    async def remove(self, ref: MessageRef) -> None:
        self._greetings.forget(ref)
        self._memory.forget(int(ref.chat_id), int(ref.message_id))

        async def delete() -> None:
            with translated():
                await self.message(ref).delete()

        try:
            await self._awake(ref.chat_id, delete, leave_awake=False)
        except MessageGone:
            return

    async def say(self, ref: MessageRef, text: str) -> None:
        """Put these words, and nothing else, into a message that is no request's. Raises as `edit`."""

        async def edit() -> None:
            with translated():
                await self.message(ref).edit(content=text)

        await self._awake(ref.chat_id, edit, leave_awake=False)

    async def tell(self, member: Member, text: str) -> bool:
        try:
            with translated():
                channel = await self._connected().create_dm(discord.Object(int(member.user_id)))
                await channel.send(content(text))
        except (PlaceClosed, ChatUnavailable, MessageGone, discord.HTTPException) as exc:
            log.info("not told privately", extra={"reason": exc})
            return False
        return True

    async def finish(self) -> None:
        """The bot is about to disconnect: what is begun and not written down anywhere gets a moment."""
        if self._seeding:
            await asyncio.wait(self._seeding, timeout=SEED_S)

    def upload_bytes_max(self, community_id: str) -> int:
        """What the community takes in one message, as far as it is known."""
        # The library's own figure for servers without boosts is older than Discord's.
        guild = self._connected().get_guild(int(community_id)) if community_id.isdecimal() else None
        said = UPLOAD_BYTES_MAX if guild is None else max(UPLOAD_BYTES_MAX, guild.filesize_limit)
        return UPLOAD_FLOOR_BYTES if said == UPLOAD_BYTES_MAX and community_id in self._small else said

    def _note_small(self, community_id: str) -> None:
        """The default is not taken there: later films need not be sent in vain."""
        self._small[community_id] = None
        while len(self._small) > SMALL_COMMUNITIES_MAX:
            self._small.popitem(last=False)

    def _words(self, view: View) -> str:
        return content(view.text, after=begins(view.status, self._clock.now_ms()))

    async def _edit_film(self, ref: MessageRef, view: View) -> None:
        """A film that is covered now: its files go up again, under names that cover them."""
        message = self.message(ref)

        async def send(files: list[discord.File], _reduced: str) -> None:
            await message.edit(attachments=files, view=controls(view))

        community_id = self._community(ref, view.status.place)
        where = Place(platform=PLATFORM, community_id=community_id, chat_id=ref.chat_id)
        await self._climb(where, view, send, leave_awake=False)

    async def _climb(
        self, where: Place, view: View, send: Callable[[list[discord.File], str], Awaitable[T]], *, leave_awake: bool
    ) -> T:
        """Send the film's files, smaller ones each time Discord says that they are too large."""
        most = self.upload_bytes_max(where.community_id)
        form = wished_form(view.status, self._settings.form(where.community_id))
        async with Ladder(view, bytes_max=most, form=form, data_folder=self._settings.data.folder) as ladder:
            while True:
                parcel = await ladder.rung()

                async def attempt(parcel: Parcel = parcel) -> T:
                    async with opened(parcel.files, view) as files:
                        with translated():
                            return await send(files, parcel.reduced)

                try:
                    return await self._awake(where.chat_id, attempt, leave_awake=leave_awake)
                except TooLarge:
                    ladder.refused(floor=UPLOAD_FLOOR_BYTES)
                    if parcel.byte_count > UPLOAD_FLOOR_BYTES:
                        self._note_small(where.community_id)

    async def _awake(self, chat_id: str, call: Callable[[], Awaitable[T]], *, leave_awake: bool) -> T:
        return await self._archives.act(self._connected(), int(chat_id), call, leave_awake=leave_awake)

    def _community(self, ref: MessageRef, home: Place) -> str:
        """Where a film's message stands: where the film was made, or where it was posted again."""
        if ref.chat_id == home.chat_id:
            return home.community_id
        channel = self._connected().get_channel(int(ref.chat_id))
        return "" if channel is None or isinstance(channel, PrivateChannel) else str(channel.guild.id)

    async def _standing(self, place: Place, wanted: Collection[str], *, since_ms: int) -> MessageRef | None:
        """A message that an earlier try has posted, where its nonce may be forgotten."""
        # What seems to lie ahead was noted before the wall clock was set back: nobody knows how old it is.
        if 0 <= self._clock.now_ms() - since_ms < NONCE_MS:
            return None
        client = self._connected()
        channel = self.channel(place.chat_id, place.community_id)
        try:
            with translated():
                found = await self._memory.find(channel, _me(client), wanted, since_ms=since_ms)
        except PlaceClosed:
            # Nothing can be read here; whether something can be posted, the post itself finds out.
            return None
        return None if found is None else ref(place.chat_id, found)

    def _too_old(self, ref: MessageRef) -> bool:
        posted = discord.utils.snowflake_time(int(ref.message_id))
        return self._clock.now_ms() - posted.timestamp() * 1000 > EDITABLE_MS

    @asynccontextmanager
    async def _files(self, view: View) -> AsyncGenerator[list[discord.File]]:
        async with opened(() if view.media is None else (view.media,), view) as files:
            yield files

    def _seed(self, film: MessageRef, view: View) -> None:
        """Show how it is done: members need only press the 🔁, where it is offered. Nothing waits for it."""
        if Action.REROLL not in view.actions:
            return
        task = asyncio.create_task(_react(self.message(film)), name="seed")
        self._seeding.add(task)
        task.add_done_callback(self._seeding.discard)

    @property
    def connected(self) -> bool:
        """Logged in, with the list of servers complete: before that nobody knows what a server takes."""
        client = self._client
        return client is not None and client.is_ready() and not client.is_closed()

    def _connected(self) -> discord.Client:
        if self._client is None or not self.connected:
            raise ChatUnavailable("not connected", after_s=NOT_READY_S)
        return self._client

    def channel(self, chat_id: str, community_id: str = "") -> discord.PartialMessageable:
        guild_id = int(community_id) if community_id.isdecimal() else None
        return self._connected().get_partial_messageable(int(chat_id), guild_id=guild_id)

    def message(self, ref: MessageRef) -> discord.PartialMessage:
        return self.channel(ref.chat_id).get_partial_message(int(ref.message_id))


def _without_preview(view: View) -> View:
    """The words alone, where the preview is too large for the place."""
    if view.media is None:
        raise ValueError("a message without files is too large")
    return replace(view, media=None)


async def _react(message: discord.PartialMessage) -> None:
    try:
        with translated():
            await message.add_reaction(REROLL_EMOJI)
    except (PlaceClosed, ChatUnavailable, MessageGone, discord.HTTPException) as exc:
        # The button does the same.
        log.info("reaction not seeded", extra={"reason": exc})


def _me(client: discord.Client) -> int:
    user = client.user
    if user is None:
        raise ChatUnavailable("not logged in", after_s=NOT_READY_S)
    return user.id
