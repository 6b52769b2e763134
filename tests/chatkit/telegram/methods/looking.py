"""Questions: who am I, who is there, where is the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatkit.telegram.model import ADMINS, Membership, Standing
from chatkit.telegram.payloads import chat_json, file_json, member_json, user_json
from chatkit.telegram.refusals import bad_request

if TYPE_CHECKING:
    from chatkit.telegram.model import Call, Json
    from chatkit.telegram.world import World

GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")


def get_me(world: World, call: Call) -> Json:
    can = {"can_join_groups": True, "can_read_all_group_messages": not world.privacy_mode}
    cannot = dict.fromkeys(("supports_inline_queries", "can_connect_to_business", "has_main_web_app"), False)
    return user_json(world.bot) | can | cannot


def get_chat(world: World, call: Call) -> Json:
    chat = world.chat(call.params["chat_id"])
    accepts = {"accepted_gift_types": dict.fromkeys(GIFTS, False)}
    return chat_json(chat) | {"accent_color_id": chat.id % 7, "max_reaction_count": 11} | accepts


def get_chat_member(world: World, call: Call) -> Json:
    chat = world.chat(call.params["chat_id"])
    user = world.people.get(call.params["user_id"])
    if user is None:
        raise bad_request("PARTICIPANT_ID_INVALID")
    if chat.partner is not None:
        return member_json(Membership(user))
    return member_json(chat.members.get(user.id) or Membership(user, Standing.LEFT))


def get_chat_administrators(world: World, call: Call) -> list[Json]:
    """Other bots are left out, as without return_bots."""
    chat = world.chat(call.params["chat_id"])
    if chat.partner is not None:
        raise bad_request("there are no administrators in the private chat")
    shown = [m for m in chat.members.values() if m.standing in ADMINS]
    every = bool(call.get("return_bots"))
    return [member_json(m) for m in shown if every or not m.user.is_bot or m.user is world.bot]


def get_chat_member_count(world: World, call: Call) -> int:
    chat = world.chat(call.params["chat_id"])
    return 2 if chat.partner else len(chat.members)


def get_file(world: World, call: Call) -> Json:
    file = world.files.locate(call.params["file_id"])
    if world.files.local_folder is not None:
        return file_json(file) | {"file_path": str(world.files.local_path(file))}
    return file_json(file) | {"file_path": file.path}


METHODS = {
    "getMe": get_me,
    "getChat": get_chat,
    "getChatMember": get_chat_member,
    "getChatAdministrators": get_chat_administrators,
    "getChatMemberCount": get_chat_member_count,
    "getFile": get_file,
}
