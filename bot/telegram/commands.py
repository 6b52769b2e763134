"""The other commands: /queue, /quota, /history, /cancel, /help, /privacy, /link."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Message

from bot.telegram.controls import cancel_keyboard, history_keyboard
from bot.telegram.front import Front, Spot, ref, say
from bot.telegram.text import Told, inert
from bot.wording import pages
from bot.wording.table import Table
from storage.jobs import JobState, Status

QUEUE_SHOWN = 10
PAGE_FILMS = 6
OPEN_SOUGHT = 50

Run = Callable[[Front, Spot, Message, str], Awaitable[None]]


async def show_queue(front: Front, spot: Spot, message: Message, rest: str) -> None:
    """What is drawn and what waits here, the member's own films marked."""
    line = await front.desk.line(spot.place, limit=QUEUE_SHOWN)
    page = pages.queue_page(spot.words, line.films, spot.member, count=line.count)
    # Without films there are no members' words on it, and its command may be pressed.
    await say(front, spot, page if line.films else Told(page))


async def show_quota(front: Front, spot: Spot, message: Message, rest: str) -> None:
    allowance = await front.desk.allowance(spot.member, spot.place.community_id)
    await say(front, spot, pages.quota_page(spot.words, allowance))


async def show_history(front: Front, spot: Spot, message: Message, rest: str) -> None:
    """In private alone: what somebody has asked for is nobody else's business."""
    if not spot.private:
        await _elsewhere(front, spot, "history")
        return
    text, markup = await history(front, spot, before_id=None)
    await say(front, spot, Told(text), markup=markup)


async def history(front: Front, spot: Spot, *, before_id: int | None) -> tuple[str, InlineKeyboardMarkup | None]:
    """The member's films below a number, newest first, and what leads on from there."""
    found = await front.desk.history(spot.member, limit=PAGE_FILMS + 1, before_id=before_id)
    films = found[:PAGE_FILMS]
    kept = [status for status in films if status.state is JobState.DONE and not status.purged and not status.film_lost]
    earlier = films[-1].request_id if len(found) > PAGE_FILMS else None
    page = pages.history_page(spot.words, films)
    return inert(page) if films else page, history_keyboard(spot.words, kept, before_id=earlier)


async def cancel(front: Front, spot: Spot, message: Message, rest: str) -> None:
    """The film that is replied to, the one whose number is given, or the only one that is open here."""
    own = spot.words.telegram
    wanted = await _wanted(front, spot, message, rest)
    if wanted is None:
        # Nobody has more open than this, and no length of the host's queue hides them.
        newest = await front.desk.history(spot.member, limit=OPEN_SOUGHT)
        open_films = [status for status in reversed(newest) if _is_open_here(status, spot)]
        if not open_films:
            await say(front, spot, own.cancel_none)
            return
        if len(open_films) > 1:
            offered = open_films[:PAGE_FILMS]
            numbers = ", ".join(f"/cancel {status.request_id}" for status in offered)
            markup = cancel_keyboard(spot.words, offered)
            await say(front, spot, Told(own.cancel_which.format(numbers=numbers)), markup=markup)
            return
        wanted = open_films[0].request_id
    everyone = await front.standing.is_moderator(spot.chat_id, int(spot.member.user_id))
    status = await front.desk.cancel(wanted, spot.member, everyone=everyone, place=spot.place)
    await say(front, spot, cancel_sentence(spot.words, status))


def cancel_sentence(words: Table, status: Status) -> str:
    """What has come of a wish to cancel."""
    own = words.telegram
    if not status.state.terminal:
        return own.cancel_wished.format(request_id=status.request_id)
    if status.state is JobState.CANCELLED:
        return own.cancel_done.format(request_id=status.request_id)
    return own.cancel_over.format(request_id=status.request_id, state=words.states[status.state])


async def show_help(front: Front, spot: Spot, message: Message, rest: str) -> None:
    await say(front, spot, Told(spot.words.telegram.help_text.format(username=front.bot.username)))


async def show_privacy(front: Front, spot: Spot, message: Message, rest: str) -> None:
    await say(front, spot, pages.privacy_page(spot.words, front.settings.retention))


async def start(front: Front, spot: Spot, message: Message, rest: str) -> None:
    """The first word in private, and what a link of ours carries along."""
    wanted = COMMANDS.get(rest.strip().lower())
    await (wanted or show_help)(front, spot, message, "")


async def link(front: Front, spot: Spot, message: Message, rest: str) -> None:
    """A code for the other platform, or the code of the other platform. A group would hand it to everybody."""
    own = spot.words.telegram
    code = rest.strip()
    if not spot.private:
        if code:
            await front.desk.links.spoil(code)
        await _elsewhere(front, spot, "link")
        return
    if code:
        await front.desk.links.redeem(spot.member, code)
        await say(front, spot, own.link_done)
        return
    offer = await front.desk.links.offer(spot.member)
    await say(front, spot, Told(own.link_code.format(code=offer.code, minutes=offer.minutes)))


async def _elsewhere(front: Front, spot: Spot, command: str) -> None:
    own = spot.words.telegram
    button = InlineKeyboardButton(own.private_button, url=f"https://t.me/{front.bot.username}?start={command}")
    await say(front, spot, own.in_private, markup=InlineKeyboardMarkup([[button]]))


async def _wanted(front: Front, spot: Spot, message: Message, rest: str) -> int | None:
    number = rest.strip().lstrip("#")
    if number.isdecimal() and len(number) <= 18:
        return int(number)
    replied = message.reply_to_message
    if replied is None:
        return None
    return await front.desk.request_of(ref(spot.chat_id, replied.message_id))


def _is_open_here(status: Status, spot: Spot) -> bool:
    there, here = status.place, spot.place
    same_place = (there.platform, there.community_id) == (here.platform, here.community_id)
    return same_place and not status.state.terminal


COMMANDS: Mapping[str, Run] = {
    "queue": show_queue,
    "quota": show_quota,
    "history": show_history,
    "cancel": cancel,
    "help": show_help,
    "privacy": show_privacy,
    "link": link,
}
"""Beside /animate and /start."""
