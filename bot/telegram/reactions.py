"""Reactions as wishes, where the bot is an admin: ⚡ another seed (taken back: cancelled), 👎 delete, 🙈 hide.

An update says what somebody's reactions to a message were and what they are, not what is new; and it does not bring the
message along. Whoever reacts as the group or as a channel is nobody who could pay.
"""

from __future__ import annotations

import logging

from telegram import MessageReactionUpdated, ReactionTypeEmoji

from bot.chat import Action
from bot.desk import Asker
from bot.telegram.animate import origin_of
from bot.telegram.buttons import delete
from bot.telegram.front import PLATFORM, Front, Spot, member_of, ref
from bot.throttle import Throttle
from bot.wording.refusals import refusal
from storage.errors import FlipbookError, UnknownRequest
from storage.jobs import JobState, Status

WISHES = {"⚡": Action.REROLL, "👎": Action.DELETE, "🙈": Action.HIDE}
STALE_S = 600
"""What was meant ten minutes ago, while the bot was away, is not what anybody waits for."""
REFUSALS_EVERY_S = 3_600.0
MEMBERS_MAX = 5_000

log = logging.getLogger(__name__)


class Reactions:
    """Of one connection."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._refusals = Throttle[str](REFUSALS_EVERY_S, keys_max=MEMBERS_MAX)

    async def changed(self, event: MessageReactionUpdated, update_id: int) -> None:
        user = event.user
        if user is None or user.is_bot or self._is_stale(event):
            return
        before, after = _emoji(event.old_reaction), _emoji(event.new_reaction)
        added = [WISHES[emoji] for emoji in after - before if emoji in WISHES]
        taken_back = WISHES.keys() & (before - after)
        if not added and not taken_back:
            return
        request_id = await self._front.desk.request_of(ref(event.chat.id, event.message_id))
        if request_id is None:
            return
        spot = Spot(member=member_of(user), chat_id=event.chat.id, topic=None, message_id=event.message_id)
        if "⚡" in taken_back:
            await self._front.desk.unreroll(request_id, spot.member, place=spot.place)
        for wish in added:
            try:
                await self._grant(wish, spot, await self._front.desk.status(request_id), update_id, event)
            except FlipbookError as exc:
                await self._refuse(spot, exc)

    async def _grant(
        self, wish: Action, spot: Spot, status: Status, update_id: int, event: MessageReactionUpdated
    ) -> None:
        front = self._front
        request_id = status.request_id
        if wish is Action.REROLL:
            if status.state is not JobState.DONE or status.film_lost:
                return
            await front.standing.check_here(spot.chat_id, spot.words)
            seconds = int(event.date.timestamp())
            idem = f"{PLATFORM}:{front.bot.id}:reaction:{update_id}:{seconds}"
            topic = origin_of(status, spot)
            asker = Asker(member=spot.member, place=spot.place, idem=idem, origin=topic.text())
            await front.desk.reroll(request_id, asker)
            return
        moderator = await front.standing.is_moderator(spot.chat_id, event.user.id if event.user else 0)
        if wish is Action.HIDE:
            if status.state is JobState.DONE:
                await front.desk.hide(request_id, spot.member, everyone=moderator, place=spot.place)
            return
        try:
            if status.state.terminal:
                await delete(front, spot, request_id, moderator=moderator)
        except UnknownRequest:
            # From anybody else a 👎 is an opinion.
            log.debug("a thumb down", extra={"request_id": request_id})

    async def _refuse(self, spot: Spot, error: FlipbookError) -> None:
        """A reaction has no answer: one sentence in private, where the member has ever written to the bot."""
        if not self._refusals.take(spot.member.user_id):
            return
        now_ms = self._front.clock.now_ms()
        await self._front.chat.tell(spot.member, refusal(error, locale=spot.member.locale, now_ms=now_ms))

    def _is_stale(self, event: MessageReactionUpdated) -> bool:
        return self._front.clock.now_ms() / 1000 - event.date.timestamp() > STALE_S


def _emoji(reactions: tuple[object, ...]) -> set[str]:
    # Some clients ask for the coloured form of a sign, some do not.
    return {it.emoji.rstrip("\ufe0f") for it in reactions if isinstance(it, ReactionTypeEmoji)}
