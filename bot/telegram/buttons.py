"""What happens when a button is pressed: who may is the desk's to say, and who presses pays.

Every press is answered: until then the button turns and turns.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial

from telegram import CallbackQuery, Message
from telegram.error import BadRequest, TelegramError

from bot.chat import Action, ChatUnavailable, PlaceClosed, Slip
from bot.desk import Asker
from bot.telegram.animate import ask_for_words, origin_of
from bot.telegram.commands import cancel_sentence, history
from bot.telegram.controls import AGAIN, PAGE, Pressed, read_data
from bot.telegram.front import PLATFORM, Front, Spot, member_of, ref
from bot.telegram.repeat import repeated
from bot.telegram.text import ANSWER_CHARS_MAX, shortened
from bot.wording.refusals import refusal
from storage.errors import FlipbookError, RequestRejected

log = logging.getLogger(__name__)


async def press(front: Front, query: CallbackQuery) -> None:
    """One press. Never raises; what came of it is said to the one who pressed."""
    spot = _spot(query)
    words = spot.words
    try:
        said = await _press(front, query, spot)
    except FlipbookError as exc:
        await _answer(query, refusal(exc, locale=spot.member.locale, now_ms=front.clock.now_ms()), alert=True)
    except ChatUnavailable as exc:
        log.info("a button could not be followed now", extra={"reason": exc})
        await _answer(query, words.telegram.unreachable, alert=True)
    except Exception:
        log.exception("a button was not answered")
        await _answer(query, words.telegram.broken, alert=True)
    else:
        await _answer(query, said)


async def give_up(front: Front, query: CallbackQuery, *, late: bool) -> None:
    """Say that nothing comes of a press, unless something has come of it."""
    spot = _spot(query)
    if not await front.desk.accepted(_asker(front, query, spot).idem):
        own = spot.words.telegram
        await _answer(query, own.took_too_long if late else own.given_up, alert=True)


async def _press(front: Front, query: CallbackQuery, spot: Spot) -> str:
    """What to say to it, if anything. Raises FlipbookError."""
    pressed = read_data(query.data)
    if pressed is None or query.message is None or not await _belongs(front, query, pressed):
        log.warning("forged button refused", extra={"user": spot.member.user_id})
        raise RequestRejected(spot.words.telegram.forged, field="request")
    number = pressed.number
    if pressed.what == PAGE:
        await _turn(front, query, spot, number)
        return ""
    if pressed.what == AGAIN:
        return await _again(front, query, spot, number)
    return await _act(front, query, spot, Action(pressed.what), number)


async def _act(front: Front, query: CallbackQuery, spot: Spot, action: Action, number: int) -> str:
    own = spot.words.telegram
    desk = front.desk
    if action in (Action.CANCEL, Action.DELETE, Action.HIDE):
        moderator = await front.standing.is_moderator(spot.chat_id, int(spot.member.user_id))
    else:
        moderator = False
        await front.standing.check_here(spot.chat_id, spot.words)
    match action:
        case Action.CANCEL:
            return cancel_sentence(
                spot.words, await desk.cancel(number, spot.member, everyone=moderator, place=spot.place)
            )
        case Action.DELETE:
            left = await delete(front, spot, number, moderator=moderator)
            return (own.deleted_not_all if left else own.deleted).format(request_id=number)
        case Action.HIDE:
            status = await desk.hide(number, spot.member, everyone=moderator, place=spot.place)
            return (own.hidden if status.hidden else own.hide_counted).format(request_id=number)
        case Action.EDIT:
            await ask_for_words(front, spot, number)
            return ""
        case Action.REROLL | Action.RETRY | Action.SHORTER | Action.EXTEND:
            parent = await desk.status(number)
            asker = _asker(front, query, spot, origin=origin_of(parent, spot).text())
            shorter = partial(desk.retry, shorter=True)
            ways = {Action.RETRY: desk.retry, Action.SHORTER: shorter, Action.EXTEND: desk.extend}
            accepted = await ways.get(action, desk.reroll)(number, asker)
            return own.asked.format(request_id=accepted.status.request_id)


async def delete(front: Front, spot: Spot, number: int, *, moderator: bool) -> int:
    """Let a film go and take its messages away at once, so that the answer can say how many Telegram lets stand.

    What cannot be reached now, or stands on another platform, the relay takes away.
    """
    left = 0
    for message in await front.desk.delete(number, spot.member, everyone=moderator, place=spot.place):
        if message.platform != PLATFORM:
            continue
        try:
            left += not await front.chat.take_away(message)
        except ChatUnavailable as exc:
            log.info("a message is taken away later", extra={"reason": exc})
        except (PlaceClosed, TelegramError) as exc:
            log.info("a message was not taken away", extra={"kind": type(exc).__name__})
            left += 1
    return left


async def _again(front: Front, query: CallbackQuery, spot: Spot, number: int) -> str:
    """The film as a new message here, written down as a copy of it. Nothing is charged, so it has its pace."""
    async with front.reposts.turn(spot.member.user_id, spot.words.telegram.again_soon):
        return await _post_again(front, query, spot, number)


async def _post_again(front: Front, query: CallbackQuery, spot: Spot, number: int) -> str:
    await front.standing.check_here(spot.chat_id, spot.words)
    view = await front.desk.film(number, _asker(front, query, spot))
    # As an answer to this press, not to the message that once asked for it.
    view = replace(view, status=replace(view.status, origin=origin_of(view.status, spot).text()))
    slip = Slip(begun=None, commit=partial(front.desk.posted_again, view))
    try:
        copy = await front.chat.deliver(spot.place, view, nonce=f"again.{query.id}", slip=slip)
    except BaseException as exc:
        if slip.begun is not None:
            # By the relay, as often as it takes; also where this press is given up.
            await asyncio.shield(front.desk.take_away(number, slip.begun))
        if not isinstance(exc, PlaceClosed):
            raise
        sentence = spot.words.telegram.again_refused.format(request_id=number)
        raise RequestRejected(sentence, field="place") from exc
    # Once more: what was covered while the film went into its line is to be covered again.
    await front.desk.posted_again(view, copy)
    return spot.words.telegram.posted_again.format(request_id=number)


async def _turn(front: Front, query: CallbackQuery, spot: Spot, number: int) -> None:
    """Another page of the history, in place."""
    text, markup = await history(front, spot, before_id=number or None)
    try:
        await repeated(partial(query.edit_message_text, text, reply_markup=markup))
    except BadRequest as exc:
        log.info("a page was not turned", extra={"reason": exc.message})


async def _belongs(front: Front, query: CallbackQuery, pressed: Pressed) -> bool:
    """Whether this button ever stood under this message."""
    message = query.message
    assert message is not None
    if pressed.what not in (AGAIN, PAGE):
        found = await front.desk.request_of(ref(message.chat.id, message.message_id))
        if found is not None:
            return found == pressed.number
    if not isinstance(message, Message):
        # Too old to be shown to us, and no request's own: nobody knows what it said.
        return False
    ours = message.from_user is not None and message.from_user.id == front.bot.id
    rows = message.reply_markup.inline_keyboard if message.reply_markup is not None else ()
    return ours and any(button.callback_data == query.data for row in rows for button in row)


def _spot(query: CallbackQuery) -> Spot:
    message = query.message
    topic = None
    if isinstance(message, Message) and message.is_topic_message:
        topic = message.message_thread_id
    return Spot(
        member=member_of(query.from_user),
        chat_id=query.from_user.id if message is None else message.chat.id,
        topic=topic,
        message_id=None if message is None else message.message_id,
    )


def _asker(front: Front, query: CallbackQuery, spot: Spot, *, origin: str = "") -> Asker:
    idem = f"{PLATFORM}:{front.bot.id}:button:{query.id}"
    return Asker(member=spot.member, place=spot.place, idem=idem, origin=origin)


async def _answer(query: CallbackQuery, text: str, *, alert: bool = False) -> None:
    """Seen by the one who pressed alone. A press that is too old for an answer is let go."""
    try:
        await repeated(partial(query.answer, shortened(text, ANSWER_CHARS_MAX) or None, show_alert=alert))
    except TelegramError as exc:
        log.info("a button was not answered", extra={"kind": type(exc).__name__})
