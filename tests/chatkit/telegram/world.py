"""All of the stand-in's Telegram: who and what there is, and what every method has to look up."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chatkit.telegram import spec
from chatkit.telegram.feed import Feed
from chatkit.telegram.files import Files
from chatkit.telegram.flood import Flood
from chatkit.telegram.model import PRESENT, Chat, Click, Content, Json, Membership, Message, Standing, User
from chatkit.telegram.payloads import chat_json, member_json, user_json
from chatkit.telegram.refusals import bad_request, forbidden, migrated

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP_ANONYMOUS_BOT = User(1087968824, "Group", "GroupAnonymousBot", is_bot=True)
CHANNEL_BOT = User(136817688, "Channel", "Channel_Bot", is_bot=True)
GENERAL_TOPIC = 1


@dataclass(slots=True)
class World:
    bot: User
    clock: Callable[[], float] = time.monotonic
    """Seconds; what the flood limits count by."""
    privacy_mode: bool = True
    """As BotFather sets it: in groups the bot sees commands and answers to itself only, unless it is an admin."""
    back_s: float = 0.0
    """How long ago everything happens at the moment (see TelegramKit.ago)."""
    files: Files = field(default_factory=Files)
    flood: Flood = field(default_factory=Flood)
    people: dict[int, User] = field(default_factory=dict[int, User])
    chats: dict[int, Chat] = field(default_factory=dict[int, Chat])
    clicks: dict[str, Click] = field(default_factory=dict[str, Click])
    commands: dict[tuple[str, str], list[Json]] = field(default_factory=dict[tuple[str, str], list["Json"]])
    """By scope (see TelegramKit.commands) and language code."""
    chat_actions: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    problems: list[str] = field(default_factory=list[str])
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at every change; who waits clears it."""
    feed: Feed = field(init=False)
    _serial: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.feed = Feed(self._check_update, self.touch)
        self.people[self.bot.id] = self.bot

    def serial(self) -> int:
        return next(self._serial)

    def date(self) -> int:
        """Now, as Telegram writes dates."""
        return int(time.time() - self.back_s)

    # What methods look up

    def chat(self, chat_id: Any) -> Chat:
        """Raises Refusal for a chat that is not there, has moved, or shut the bot out."""
        chat = self.chats.get(chat_id) if isinstance(chat_id, int) else self._named(str(chat_id))
        if chat is None:
            raise bad_request("chat not found")
        if chat.upgraded_to is not None:
            raise migrated(chat.upgraded_to.id)
        if chat.partner is not None:
            if chat.partner.blocks_bot:
                raise forbidden("bot was blocked by the user")
            if not chat.partner.started:
                raise forbidden("bot can't initiate conversation with a user")
            return chat
        place = {"group": "group chat", "supergroup": "supergroup chat"}.get(chat.kind, "channel chat")
        match chat.standing(self.bot):
            case Standing.KICKED:
                raise forbidden(f"bot was kicked from the {place}")
            case Standing.LEFT:
                raise forbidden(f"bot is not a member of the {place}")
            case _:
                return chat

    def message(self, chat: Chat, message_id: Any, *, otherwise: str) -> Message:
        """A message that stands. Raises Refusal with the sentence `otherwise`."""
        message = chat.messages.get(message_id)
        if message is None or message.deleted:
            raise bad_request(otherwise)
        return message

    def topic(self, chat: Chat, thread_id: Any) -> int | None:
        """The topic to write in; None for the general one and for chats without topics."""
        if thread_id is None or (chat.forum and thread_id == GENERAL_TOPIC):
            return None
        if thread_id not in chat.topics:
            raise bad_request("message thread not found")
        if thread_id in chat.closed_topics:
            raise bad_request("TOPIC_CLOSED")
        return int(thread_id)

    def may_send(self, chat: Chat, kind: str) -> None:
        """Raises Refusal where the chat does not let the bot send this kind of message."""
        member = chat.members.get(self.bot.id)
        if chat.kind == "channel" and (member is None or member.standing is not Standing.ADMIN):
            raise bad_request("need administrator rights in the channel chat")
        if member is None or member.standing is not Standing.RESTRICTED:
            return
        what = {"text": "messages", "animation": "other_messages", "sticker": "other_messages"}.get(kind, f"{kind}s")
        if f"can_send_{what}" not in member.rights:
            shown = {"text": "text messages"}.get(kind, f"{kind}s")
            raise bad_request(f"not enough rights to send {shown} to the chat")

    def spend(self, chat: Chat, call_at: float) -> None:
        """One message of the flood budget. Raises 429."""
        group = chat.kind in ("group", "supergroup")
        self.flood.check(chat.id, group=group, now=call_at)
        self.flood.count(chat.id, group=group, now=call_at)

    # What changes

    def post(self, chat: Chat, content: Content, **known: Any) -> Message:
        """A new message, by the bot unless `sender` or `sender_chat` says otherwise."""
        counter = chat if chat.kind in ("supergroup", "channel") else None
        number = max(counter.messages, default=0) + 1 if counter else self.serial()
        author: dict[str, Any] = {"sender": self.bot, "sender_chat": None, "by_tested_bot": True}
        if "sender" in known or "sender_chat" in known:
            author = {"sender": None, "sender_chat": None}
        elif chat.kind == "channel":
            author |= {"sender": None, "sender_chat": chat}
        message = Message(id=number, chat=chat, date=self.date(), content=content, **(author | known))
        chat.messages[number] = message
        self.touch()
        return message

    def change(self, message: Message, content: Content) -> None:
        message.past.append(message.content)
        message.content = content
        message.edit_date = self.date()
        self.touch()

    def set_standing(self, chat: Chat, member: Membership, *, by: User) -> None:
        """Somebody's place in a chat changes, the bot's too."""
        old = chat.members.get(member.user.id) or Membership(member.user, Standing.LEFT)
        chat.members[member.user.id] = member
        self.tell_standing(chat, old, member, by=by)

    def tell_standing(self, chat: Chat, old: Membership, new: Membership, *, by: User) -> None:
        """The bot always hears of its own place, of others' where it is an admin."""
        update = {"chat": chat_json(chat), "from": user_json(by), "date": self.date()}
        update |= {"old_chat_member": member_json(old), "new_chat_member": member_json(new)}
        if new.user is self.bot:
            self.feed.add("my_chat_member", update)
        elif chat.standing(self.bot) is Standing.ADMIN:
            self.feed.add("chat_member", update)
        self.touch()

    def sees(self, message: Message) -> bool:
        """Whether Telegram shows this message to the bot.

        With privacy mode on and without admin rights: service messages, replies to the bot, and what begins with a
        command that is not another bot's. Captions count as texts here, and a command to nobody in particular always
        arrives; on Telegram that depends on which bot spoke last.
        """
        chat = message.chat
        if chat.partner is not None or chat.kind == "channel" or chat.standing(self.bot) is Standing.ADMIN:
            return chat.partner is not None or self.present(chat, self.bot)
        if not self.present(chat, self.bot):
            return False
        if not self.privacy_mode or message.service or (message.reply_to and message.reply_to.by_tested_bot):
            return True
        if not message.text.startswith("/"):
            return False
        _, _, addressee = message.text.split(maxsplit=1)[0].partition("@")
        return addressee.lower() in ("", self.bot.username.lower())

    def touch(self) -> None:
        self.changed.set()

    def blame(self, problem: str) -> None:
        self.problems.append(problem)
        self.touch()

    def present(self, chat: Chat, user: User) -> bool:
        return chat.partner is user or chat.standing(user) in PRESENT

    def _named(self, name: str) -> Chat | None:
        return next((c for c in self.chats.values() if c.username and f"@{c.username}" == name), None)

    def _check_update(self, update: Json) -> None:
        document = spec.load()
        for fault in document.update_faults(update) if document else []:
            self.blame(f"the stand-in itself: {fault}")
