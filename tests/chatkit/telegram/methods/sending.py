"""sendMessage and its kin."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from chatkit.telegram import limits
from chatkit.telegram.methods.content import content_of
from chatkit.telegram.payloads import message_json
from chatkit.telegram.refusals import bad_request

if TYPE_CHECKING:
    from chatkit.telegram.model import Call, Chat, Json, Message
    from chatkit.telegram.world import World


def send(world: World, call: Call, *, kind: str) -> Json:
    content = content_of(world, call, kind)
    chat = world.chat(call.params["chat_id"])
    world.may_send(chat, kind)
    answered = _reply_to(world, chat, call)
    topic = world.topic(chat, call.get("message_thread_id"))
    if topic is None and answered is not None and answered.chat is chat:
        topic = answered.topic  # an answer stands where the question stands
    world.spend(chat, call.at)
    return message_json(world.post(chat, content, reply_to=answered, topic=topic))


def send_chat_action(world: World, call: Call) -> bool:
    limits.check_chat_action(call.params["action"])
    chat = world.chat(call.params["chat_id"])
    world.topic(chat, call.get("message_thread_id"))
    world.chat_actions.append((chat.id, call.params["action"]))
    return True


def _reply_to(world: World, chat: Chat, call: Call) -> Message | None:
    asked = call.get("reply_parameters")
    if asked is None:
        return None
    home = chat if asked.get("chat_id") in (None, chat.id) else world.chat(asked["chat_id"])
    message = home.messages.get(asked["message_id"])
    if message is not None and not message.deleted:
        return message
    if asked.get("allow_sending_without_reply") and home is chat:
        return None
    raise bad_request("message to be replied not found")


METHODS = {
    "sendMessage": partial(send, kind="text"),
    "sendPhoto": partial(send, kind="photo"),
    "sendAnimation": partial(send, kind="animation"),
    "sendVideo": partial(send, kind="video"),
    "sendDocument": partial(send, kind="document"),
    "sendChatAction": send_chat_action,
}
