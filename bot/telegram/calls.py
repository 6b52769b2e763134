"""A status, written and rewritten: which of Telegram's calls it takes, and the next best where one is refused."""

from __future__ import annotations

from typing import Any

from telegram import InlineKeyboardMarkup, LinkPreviewOptions, Message
from telegram.error import BadRequest
from telegram.ext import ExtBot

from bot.chat import MessageGone, View
from bot.telegram import errors
from bot.telegram.budget import Priority
from bot.telegram.controls import keyboard
from bot.telegram.errors import says
from bot.telegram.layout import FilmMedia, reply_to
from bot.telegram.origin import Origin
from bot.telegram.text import CAPTION_CHARS_MAX, TEXT_CHARS_MAX, inert, shortened
from storage.jobs import MessageRef, Place

UPLOAD_S = 180.0
"""For one film, from its first byte to Telegram's answer."""


async def post(bot: ExtBot[Priority], place: Place, view: View, origin: Origin) -> Message:
    """The photo that was sent, by its file_id, with the words below it; else the words alone."""
    chat_id, text = int(place.chat_id), inert(view.text)
    common: dict[str, Any] = {
        "reply_markup": keyboard(view),
        "reply_parameters": reply_to(origin, place),
        "message_thread_id": origin.topic,
        "rate_limit_args": Priority.STATE,
    }
    if origin.photo:
        try:
            return await bot.send_photo(
                chat_id,
                origin.photo,
                caption=shortened(text, CAPTION_CHARS_MAX),
                has_spoiler=view.spoiler,
                **common,
            )
        except BadRequest as exc:
            # The photo has expired, or photos are not allowed here: the words are what counts.
            if not says(exc, *errors.BAD_FILE, "photo"):
                raise
    return await bot.send_message(
        chat_id,
        shortened(text, TEXT_CHARS_MAX),
        link_preview_options=LinkPreviewOptions(is_disabled=True),
        **common,
    )


async def edit_words(
    bot: ExtBot[Priority],
    ref: MessageRef,
    text: str,
    markup: InlineKeyboardMarkup | None,
    priority: Priority,
    *,
    plain: bool,
) -> bool:
    """plain: whether it is likely a text; else a caption. Which it is, Telegram says: the answer is whether a text."""
    for as_text in (plain, not plain):
        try:
            if as_text:
                await bot.edit_message_text(
                    shortened(text, TEXT_CHARS_MAX),
                    chat_id=int(ref.chat_id),
                    message_id=int(ref.message_id),
                    reply_markup=markup,
                    link_preview_options=LinkPreviewOptions(is_disabled=True),
                    rate_limit_args=priority,
                )
            else:
                await bot.edit_message_caption(
                    chat_id=int(ref.chat_id),
                    message_id=int(ref.message_id),
                    caption=shortened(text, CAPTION_CHARS_MAX),
                    reply_markup=markup,
                    rate_limit_args=priority,
                )
        except BadRequest as exc:
            if not says(exc, errors.NO_CAPTION, errors.NO_TEXT):
                raise
        else:
            return as_text
    raise MessageGone


async def edit_media(
    bot: ExtBot[Priority],
    ref: MessageRef,
    media: FilmMedia,
    markup: InlineKeyboardMarkup | None,
    priority: Priority,
) -> None:
    await bot.edit_message_media(
        media,
        chat_id=int(ref.chat_id),
        message_id=int(ref.message_id),
        reply_markup=markup,
        write_timeout=UPLOAD_S,
        read_timeout=UPLOAD_S,
        rate_limit_args=priority,
    )
