"""A view as Telegram's kinds of message: the line that calls somebody, a preview, a film."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from telegram import InputFile, InputMediaAnimation, InputMediaVideo, ReplyParameters

from bot.chat import View
from bot.delivery import Parcel
from bot.telegram.clip import Clip, read_clip
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


async def preview_media(path: Path, view: View, data_folder: Path) -> InputMediaAnimation:
    clip = await asyncio.to_thread(read_clip, path, data_folder)
    return InputMediaAnimation(
        clip.content,
        caption=shortened(inert(view.text), CAPTION_CHARS_MAX),
        width=clip.width,
        height=clip.height,
        duration=None if clip.seconds is None else max(1, round(clip.seconds)),
        thumbnail=_still(clip),
        filename="preview.gif",
        has_spoiler=view.spoiler,
    )


async def film_media(parcel: Parcel, view: View, data_folder: Path) -> FilmMedia:
    """An animation plays by itself and again and again; a video is played while it loads."""
    path = parcel.files[0]
    clip = await asyncio.to_thread(read_clip, path, data_folder)
    text = view.text if not parcel.reduced else f"{view.text}\n{parcel.reduced}"
    template = "{name}: {text}" if view.mention is not None else "{text}"
    told = calling(template, view.mention or view.status.member, chars_max=CAPTION_CHARS_MAX, text=text)
    result = view.status.result
    drawn_s = 0.0 if result is None else result.frames / FPS
    seconds = clip.seconds or drawn_s
    facts: dict[str, Any] = {
        "caption": told.text,
        "caption_entities": told.entities,
        "width": clip.width,
        "height": clip.height,
        # Zero would be taken as unknown.
        "duration": max(1, round(seconds)),
        "thumbnail": _still(clip),
        "filename": f"film-{view.status.request_id}{path.suffix}",
        "has_spoiler": view.spoiler,
    }
    if path.suffix == ".gif" or drawn_s <= ANIMATION_S_MAX:
        return InputMediaAnimation(clip.content, **facts)
    return InputMediaVideo(clip.content, supports_streaming=True, **facts)


def _still(clip: Clip) -> InputFile | None:
    return None if clip.thumbnail is None else InputFile(clip.thumbnail, filename="still.jpg", attach=True)
