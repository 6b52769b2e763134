"""Changing and removing messages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chatkit.telegram.limits import DELETE_WITHIN_S
from chatkit.telegram.methods.content import caption_of, keyboard_of, media_of, text_of, thumbnail_of
from chatkit.telegram.model import Content, Standing
from chatkit.telegram.payloads import message_json
from chatkit.telegram.refusals import NOT_MODIFIED, bad_request, broken_rule

if TYPE_CHECKING:
    from chatkit.telegram.model import Call, Chat, Json, Media, Message
    from chatkit.telegram.world import World

WITH_CAPTION = ("photo", "animation", "video", "document", "voice", "audio")


def edit_text(world: World, call: Call) -> Json:
    text, entities = text_of(world, call.params)
    markup = keyboard_of(call)
    message = _to_edit(world, call)
    if message.media is not None:
        raise bad_request("there is no text in the message to edit")
    return _change(world, call, message, Content(text, entities, None, markup))


def edit_caption(world: World, call: Call) -> Json:
    text, entities = caption_of(world, call.params)
    markup = keyboard_of(call)
    message = _to_edit(world, call)
    if message.kind not in WITH_CAPTION:
        raise bad_request("there is no caption in the message to edit")
    return _change(world, call, message, Content(text, entities, message.media, markup))


def edit_media(world: World, call: Call) -> Json:
    """Also gives a text message its first media. What is not said anew, caption and keyboard, is gone."""
    given = call.params["media"]
    text, entities = caption_of(world, given)
    markup = keyboard_of(call)
    message = _to_edit(world, call)
    if message.kind not in ("text", *WITH_CAPTION):
        raise bad_request("message can't be edited")
    world.may_send(message.chat, given["type"])
    media = media_of(world, call, given["type"], given["media"], spoiler=bool(given.get("has_spoiler")))
    media.claims = {key: given[key] for key in ("width", "height", "duration") if key in given}
    if "thumbnail" in given:
        media.thumbnail = thumbnail_of(world, call, given["thumbnail"])
    return _change(world, call, message, Content(text, entities, media, markup))


def edit_markup(world: World, call: Call) -> Json:
    markup = keyboard_of(call)
    message = _to_edit(world, call)
    return _change(world, call, message, replace(message.content, markup=markup))


def delete_message(world: World, call: Call) -> bool:
    chat = world.chat(call.params["chat_id"])
    message = world.message(chat, call.params["message_id"], otherwise="message to delete not found")
    if not _may_delete(world, chat, message):
        raise bad_request("message can't be deleted")
    message.deleted = True
    world.touch()
    return True


def delete_messages(world: World, call: Call) -> bool:
    """Those that cannot be found are skipped."""
    if not 1 <= len(call.params["message_ids"]) <= 100:
        raise broken_rule("MESSAGE_IDS_INVALID: 1 to 100 are allowed")
    chat = world.chat(call.params["chat_id"])
    for message_id in call.params["message_ids"]:
        message = chat.messages.get(message_id)
        if message is not None and _may_delete(world, chat, message):
            message.deleted = True
    world.touch()
    return True


def _to_edit(world: World, call: Call) -> Message:
    if call.get("chat_id") is None or call.get("message_id") is None:
        raise broken_rule("message identifier is not specified")
    chat = world.chat(call.params["chat_id"])
    message = world.message(chat, call.params["message_id"], otherwise="message to edit not found")
    if not message.by_tested_bot:
        raise bad_request("message can't be edited")
    return message


def _change(world: World, call: Call, message: Message, content: Content) -> Json:
    if _same(message.content, content):
        raise bad_request(NOT_MODIFIED)
    world.spend(message.chat, call.at)
    world.change(message, content)
    return message_json(message)


def _same(old: Content, new: Content) -> bool:
    same_words = (old.text, old.entities, old.markup) == (new.text, new.entities, new.markup)
    return same_words and _file(old.media) == _file(new.media)


def _file(media: Media | None) -> tuple[str, bool] | None:
    return None if media is None else (media.file.file_id, media.spoiler)


def _may_delete(world: World, chat: Chat, message: Message) -> bool:
    member = chat.members.get(world.bot.id)
    if member and member.standing is Standing.ADMIN and "can_delete_messages" in member.admin_rights:
        return True
    young = world.date() - message.date <= DELETE_WITHIN_S
    return young and (message.by_tested_bot or chat.kind == "private")


METHODS = {
    "editMessageText": edit_text,
    "editMessageCaption": edit_caption,
    "editMessageMedia": edit_media,
    "editMessageReplyMarkup": edit_markup,
    "deleteMessage": delete_message,
    "deleteMessages": delete_messages,
}
