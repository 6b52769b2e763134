"""A view as Telegram's kinds of message: the line that calls somebody, a preview, a film."""

from __future__ import annotations

import asyncio
from pathlib import Path

from telegram import InputMediaAnimation, InputMediaVideo, ReplyParameters

from bot.chat import View
from bot.delivery import Parcel
from bot.telegram.origin import Origin
from bot.telegram.text import CAPTION_CHARS_MAX, TEXT_CHARS_MAX, Told, calling, inert, shortened
from bot.wording import table
from storage.jobs import FPS, Place

ANIMATION_S_MAX = 10
"""Longer films are videos: with a time line, and played while they load."""

FilmMedia = InputMediaAnimation | InputMediaVideo


def film_line(view: View) -> Told:
    words = table(view.status.member.locale)
    return calling(words.telegram.film_line, view.mention or view.status.member, chars_max=TEXT_CHARS_MAX)


def reply_to(origin: Origin, place: Place) -> ReplyParameters | None:
    """None where the message that asked stands in no chat of this number: there, another one may have its number."""
    if origin.reply_to is None or (origin.chat is not None and str(origin.chat) != place.chat_id):
        return None
    return ReplyParameters(message_id=origin.reply_to, allow_sending_without_reply=True)


async def preview_media(path: Path, view: View) -> InputMediaAnimation:
    content = await asyncio.to_thread(path.read_bytes)
    caption = shortened(inert(view.text), CAPTION_CHARS_MAX)
    return InputMediaAnimation(content, caption=caption, filename="preview.gif", has_spoiler=view.spoiler)


async def film_media(parcel: Parcel, view: View) -> FilmMedia:
    """An animation plays by itself and again and again; a video is played while it loads."""
    path = parcel.files[0]
    content = await asyncio.to_thread(path.read_bytes)
    text = view.text if not parcel.reduced else f"{view.text}\n{parcel.reduced}"
    template = "{name}: {text}" if view.mention is not None else "{text}"
    told = calling(template, view.mention or view.status.member, chars_max=CAPTION_CHARS_MAX, text=text)
    result = view.status.result
    seconds = 0.0 if result is None else result.frames / FPS
    if path.suffix == ".gif" or seconds <= ANIMATION_S_MAX:
        return InputMediaAnimation(
            content,
            caption=told.text,
            caption_entities=told.entities,
            duration=round(seconds) or None,
            filename=f"film-{view.status.request_id}{path.suffix}",
            has_spoiler=view.spoiler,
        )
    return InputMediaVideo(
        content,
        caption=told.text,
        caption_entities=told.entities,
        duration=round(seconds),
        width=None if result is None else result.width,
        height=None if result is None else result.height,
        supports_streaming=True,
        filename=f"film-{view.status.request_id}{path.suffix}",
        has_spoiler=view.spoiler,
    )
