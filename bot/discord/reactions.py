"""Reactions as wishes: 🔁 another seed (taken back: cancelled while queued), ➕ extend, ❌ cancel, 🗑️ delete, 🙈 hide.

Raw events, because the messages may be older than this process. What was pressed while the bot was away is lost:
the buttons do the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass, field, replace

import discord

from bot.chat import Action, ChatUnavailable, MessageGone, PlaceClosed
from bot.desk import Asker
from bot.discord.answers import PLATFORM, name_of, place, ref
from bot.discord.errors import translated
from bot.discord.front import Front
from bot.discord.leftovers import call_out
from bot.discord.permissions import check_channel, is_moderator_in
from bot.throttle import Throttle
from bot.wording import table
from bot.wording.refusals import refusal
from storage.errors import FlipbookError
from storage.jobs import JobState, Member, Status

WISHES = {"🔁": Action.REROLL, "➕": Action.EXTEND, "❌": Action.CANCEL, "🗑": Action.DELETE, "🙈": Action.HIDE}
VARIATION = "\ufe0f"
"""Asks for the coloured form of a sign; some clients send it, some do not."""
REFUSALS_EVERY_S = 3_600.0
"""A reaction cannot be answered in private: one short refusal for each member in this time."""
REFUSAL_SHOWN_S = 30.0
HANDS_MAX = 10_000
YOUNG_S = 10.0
YOUNG_TRIES, YOUNG_WAIT_S = 4, 0.25

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Hand:
    """One member's 🔁, or another sign of theirs, on one message."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    takes: int = 0
    """How often it was taken back: pressing again is then a new wish, a redelivered press is not."""


class Reactions:
    """Of one connection."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._began = self._now()
        self._sessions: dict[int, str] = {}
        self._hands: OrderedDict[tuple[int, int, Action], _Hand] = OrderedDict()
        self._refusals = Throttle[int](REFUSALS_EVERY_S, keys_max=HANDS_MAX)

    def session_began(self, shard_id: int) -> None:
        """A session replays its own events only: a press in another one is another press."""
        self._sessions[shard_id] = self._now()

    async def added(self, client: discord.Client, event: discord.RawReactionActionEvent) -> None:
        wish = wish_of(event)
        if wish is None or _is_bot(client, event) or self._front.closing:
            return
        session = self._session(client, event)
        hand = self._hand(event, wish)
        # Before anything is waited for: what is taken back later is heard later.
        async with hand.lock:
            request_id = await self._request_of(event)
            member = None if request_id is None else await _member(client, event)
            if request_id is None or member is None:
                return
            try:
                await self._grant(client, event, wish, request_id, member, f"{session}.{hand.takes}")
            except FlipbookError as exc:
                await self._refuse(client, event, member, exc)

    async def removed(self, event: discord.RawReactionActionEvent) -> None:
        """A 🔁 taken back cancels what it asked for, while that is queued; other signs may only be pressed again."""
        wish = wish_of(event)
        if wish is None:
            return
        hand = self._hand(event, wish)
        async with hand.lock:
            request_id = await self._request_of(event)
            if request_id is None:
                return
            hand.takes += 1
            if wish is not Action.REROLL:
                return
            member = Member(platform=PLATFORM, user_id=str(event.user_id), name="", locale="")
            here = place(event.guild_id, event.channel_id, event.user_id)
            await self._front.desk.unreroll(request_id, member, place=here)

    async def _request_of(self, event: discord.RawReactionActionEvent) -> int | None:
        """Which request the message is about. A film that was posted this moment is committed the next."""
        posted_s = discord.utils.snowflake_time(event.message_id).timestamp()
        for _ in range(YOUNG_TRIES):
            found = await self._front.desk.request_of(ref(event.channel_id, event.message_id))
            if found is not None or self._front.clock.now_ms() / 1000 - posted_s > YOUNG_S:
                return found
            await asyncio.sleep(YOUNG_WAIT_S)
        return None

    async def _grant(
        self,
        client: discord.Client,
        event: discord.RawReactionActionEvent,
        wish: Action,
        request_id: int,
        member: Member,
        take: str,
    ) -> None:
        desk = self._front.desk
        status = await desk.status(request_id)
        if not _means_something(wish, status):
            return
        moderator = _is_moderator(client, event)
        here = place(event.guild_id, event.channel_id, event.user_id)
        match wish:
            case Action.CANCEL:
                await desk.cancel(request_id, member, everyone=moderator, place=here)
            case Action.DELETE:
                await desk.delete(request_id, member, everyone=moderator, place=here)
            case Action.HIDE:
                await desk.hide(request_id, member, everyone=moderator, place=here)
            case _:
                member = replace(member, locale=await desk.locale(member) or _locale(client, event))
                guild = client.get_guild(event.guild_id) if event.guild_id is not None else None
                if guild is not None:
                    check_channel(guild, event.channel_id, table(member.locale))
                idem = f"{PLATFORM}:{client.application_id}:{event.message_id}:{event.user_id}:{wish.value}:{take}"
                asker = Asker(member=member, place=here, idem=idem)
                await (desk.extend if wish is Action.EXTEND else desk.reroll)(request_id, asker)

    async def _refuse(
        self, client: discord.Client, event: discord.RawReactionActionEvent, member: Member, error: FlipbookError
    ) -> None:
        if not self._refusals.take(event.user_id):
            return
        locale = await self._front.desk.locale(member) or _locale(client, event)
        sentence = refusal(error, locale=locale, now_ms=self._front.clock.now_ms())
        await call_out(self._front, event.channel_id, event.user_id, sentence, locale=locale, shown_s=REFUSAL_SHOWN_S)

    def _now(self) -> str:
        return f"{self._front.clock.now_ms():x}"

    def _session(self, client: discord.Client, event: discord.RawReactionActionEvent) -> str:
        shard_id = ((event.guild_id or 0) >> 22) % (client.shard_count or 1)
        return self._sessions.get(shard_id, self._began)

    def _hand(self, event: discord.RawReactionActionEvent, wish: Action) -> _Hand:
        key = (event.message_id, event.user_id, wish)
        hand = self._hands.setdefault(key, _Hand())
        self._hands.move_to_end(key)
        while len(self._hands) > HANDS_MAX:
            self._hands.popitem(last=False)
        return hand


def wish_of(event: discord.RawReactionActionEvent) -> Action | None:
    """What the sign asks for; None for every other sign and for a server's own emoji."""
    if event.emoji.id is not None:
        return None
    return WISHES.get(event.emoji.name.replace(VARIATION, ""))


def _means_something(wish: Action, status: Status) -> bool:
    """❌ below a film and 🔁 below a status are comments, not wishes."""
    if wish is Action.CANCEL:
        return not status.state.terminal
    return status.state is JobState.DONE


def _is_bot(client: discord.Client, event: discord.RawReactionActionEvent) -> bool:
    me = client.user
    if me is None or event.user_id == me.id:
        return True
    if event.message_author_id is not None and event.message_author_id != me.id:
        return True  # somebody else's message: none of ours
    if event.guild_id is None:
        return False
    # Without a member nobody can say who this is: a server that is not fully known yet.
    return event.member is None or event.member.bot


async def _member(client: discord.Client, event: discord.RawReactionActionEvent) -> Member | None:
    """Who reacted. Reactions bring no language along: what is known of them stays so."""
    user: discord.User | discord.Member | None = event.member or client.get_user(event.user_id)
    if user is None:
        try:
            with translated():
                user = await client.fetch_user(event.user_id)
        except (PlaceClosed, ChatUnavailable, MessageGone, discord.HTTPException) as exc:
            log.info("nobody knows who reacted", extra={"reason": exc})
            return None
    return Member(platform=PLATFORM, user_id=str(user.id), name=name_of(user), locale="")


def _locale(client: discord.Client, event: discord.RawReactionActionEvent) -> str:
    """Of the server, for somebody who has never spoken to the bot."""
    guild = client.get_guild(event.guild_id) if event.guild_id is not None else None
    return "en" if guild is None else guild.preferred_locale.value


def _is_moderator(client: discord.Client, event: discord.RawReactionActionEvent) -> bool:
    guild = client.get_guild(event.guild_id) if event.guild_id is not None else None
    return guild is not None and event.member is not None and is_moderator_in(guild, event.channel_id, event.member)
