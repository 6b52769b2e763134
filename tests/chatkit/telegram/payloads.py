"""The stand-in's state as the Bot API's JSON objects."""

from __future__ import annotations

from typing import Any

from chatkit.telegram.model import (
    SENDING_RIGHTS,
    Chat,
    Click,
    Json,
    Media,
    Membership,
    Message,
    Standing,
    StoredFile,
    User,
)

OWNER_RIGHTS = (
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
)
OTHER_RESTRICTIONS = ("can_edit_tag", "can_change_info", "can_invite_users", "can_pin_messages", "can_manage_topics")


def user_json(user: User) -> Json:
    full: Json = {"id": user.id, "is_bot": user.is_bot, "first_name": user.first_name}
    full |= {"username": user.username} if user.username else {}
    return full | ({"language_code": user.language} if user.language else {})


def chat_json(chat: Chat) -> Json:
    short: Json = {"id": chat.id, "type": chat.kind}
    if chat.partner:
        short |= {"first_name": chat.partner.first_name}
        return short | ({"username": chat.partner.username} if chat.partner.username else {})
    short |= {"title": chat.title}
    short |= {"username": chat.username} if chat.username else {}
    return short | ({"is_forum": True} if chat.forum else {})


def member_json(member: Membership) -> Json:
    known: Json = {"status": str(member.standing), "user": user_json(member.user)}
    match member.standing:
        case Standing.OWNER:
            return known | {"is_anonymous": member.anonymous}
        case Standing.ADMIN:
            rights = {right: right in member.admin_rights for right in OWNER_RIGHTS}
            return known | rights | {"can_be_edited": False, "is_anonymous": member.anonymous}
        case Standing.RESTRICTED:
            rights = {right: right in member.rights for right in SENDING_RIGHTS}
            return known | rights | dict.fromkeys(OTHER_RESTRICTIONS, False) | {"is_member": True, "until_date": 0}
        case Standing.KICKED:
            return known | {"until_date": 0}
        case _:
            return known


def message_json(message: Message, *, quoted: bool = False) -> Json:
    """quoted: as another message's reply_to_message, which quotes no further."""
    full: Json = {"message_id": message.id, "date": message.date, "chat": chat_json(message.chat)}
    if message.sender:
        full["from"] = user_json(message.sender)
    if message.sender_chat:
        full["sender_chat"] = chat_json(message.sender_chat)
    if message.topic is not None:
        full |= {"message_thread_id": message.topic, "is_topic_message": True}
    if message.album:
        full["media_group_id"] = message.album
    if message.edit_date is not None:
        full["edit_date"] = message.edit_date
    if message.reply_to is not None and not quoted and not message.reply_to.deleted:
        full["reply_to_message"] = message_json(message.reply_to, quoted=True)
    return full | _content_json(message) | message.service


def click_json(click: Click) -> Json:
    message = click.message
    shown = message_json(message)
    if message.deleted:
        shown = {"chat": chat_json(message.chat), "message_id": message.id, "date": 0}
    return {
        "id": click.id,
        "from": user_json(click.user),
        "message": shown,
        "chat_instance": str(message.chat.id * 7919),
        "data": click.data,
    }


def file_json(file: StoredFile) -> Json:
    return {"file_id": file.file_id, "file_unique_id": file.unique_id, "file_size": file.size}


def _content_json(message: Message) -> Json:
    content = message.content
    shown: Json = {"reply_markup": content.markup} if content.markup else {}
    if content.media is None:
        shown |= {"text": content.text} if content.text else {}
        return shown | ({"entities": list(content.entities)} if content.entities else {})
    shown |= _media_json(content.media)
    shown |= {"caption": content.text} if content.text else {}
    return shown | ({"caption_entities": list(content.entities)} if content.entities else {})


def _media_json(media: Media) -> Json:
    shown: Json = {"has_media_spoiler": True} if media.spoiler else {}
    if media.kind == "photo":
        return shown | {"photo": [_sized(size) for size in media.sizes]}
    whole: Json = file_json(media.file) | media.extra
    if media.kind in ("animation", "video", "sticker"):
        whole |= {"width": media.file.width, "height": media.file.height}
    if media.kind in ("animation", "video", "voice", "audio"):
        whole["duration"] = media.file.duration_s
    if media.kind != "sticker":
        whole |= {"mime_type": media.file.mime} if media.file.mime else {}
    if media.kind in ("animation", "video", "document", "audio"):
        whole |= {"file_name": media.file.name} if media.file.name else {}
    if media.thumbnail:
        whole["thumbnail"] = _sized(media.thumbnail)
    shown[media.kind] = whole
    if media.kind == "animation":  # for clients from before animations: the same file once more
        shown["document"] = {k: v for k, v in whole.items() if k not in ("width", "height", "duration")}
    return shown


def _sized(file: StoredFile) -> dict[str, Any]:
    return file_json(file) | {"width": file.width, "height": file.height}
