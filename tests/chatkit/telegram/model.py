"""What the stand-in knows of: people, chats, messages, files. Plain state, no rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


class Standing(StrEnum):
    """What somebody is in a chat; the Bot API's words."""

    OWNER = "creator"
    ADMIN = "administrator"
    MEMBER = "member"
    RESTRICTED = "restricted"
    LEFT = "left"
    KICKED = "kicked"


PRESENT = (Standing.OWNER, Standing.ADMIN, Standing.MEMBER, Standing.RESTRICTED)
ADMINS = (Standing.OWNER, Standing.ADMIN)

SENDING_RIGHTS = frozenset(
    f"can_send_{what}"
    for what in ("messages", "audios", "documents", "photos", "videos", "video_notes", "voice_notes", "polls")
) | {"can_send_other_messages", "can_add_web_page_previews", "can_react_to_messages"}


@dataclass(slots=True, eq=False)
class User:
    id: int
    first_name: str
    username: str = ""
    language: str = ""
    is_bot: bool = False
    started: bool = False
    """Has written to the bot: before that the bot cannot write to them."""
    blocks_bot: bool = False


@dataclass(slots=True)
class Membership:
    user: User
    standing: Standing = Standing.MEMBER
    anonymous: bool = False
    rights: frozenset[str] = SENDING_RIGHTS
    """What a restricted member may still do; for others it says nothing."""
    admin_rights: frozenset[str] = frozenset({"can_delete_messages"})


@dataclass(slots=True, eq=False)
class Chat:
    id: int
    kind: str
    """private | group | supergroup | channel"""
    title: str = ""
    username: str = ""
    forum: bool = False
    members: dict[int, Membership] = field(default_factory=dict[int, Membership])
    messages: dict[int, Message] = field(default_factory=dict)
    topics: dict[int, str] = field(default_factory=dict[int, str])
    """Names of a forum's open topics by their message_thread_id."""
    closed_topics: set[int] = field(default_factory=set[int])
    upgraded_to: Chat | None = None
    partner: User | None = None
    """The other side of a private chat."""

    @property
    def shown(self) -> list[Message]:
        """What stands in the chat now, oldest first."""
        return [message for message in self.messages.values() if not message.deleted]

    @property
    def from_bot(self) -> list[Message]:
        """The tested bot's messages that stand here now, oldest first."""
        return [message for message in self.shown if message.by_tested_bot]

    def standing(self, user: User) -> Standing:
        member = self.members.get(user.id)
        return member.standing if member else Standing.LEFT


@dataclass(slots=True, eq=False)
class StoredFile:
    file_id: str
    unique_id: str
    kind: str
    """photo | animation | video | document | sticker | voice | audio"""
    size: int
    name: str = ""
    mime: str = ""
    data: bytes | None = None
    """None: a file of which only the size matters; a download is that many zeros."""
    width: int = 0
    height: int = 0
    duration_s: int = 0
    path: str = ""
    expired: bool = False
    """Telegram says no more where it is; a path given out before leads to a 404."""


@dataclass(slots=True)
class Media:
    """One file as a message shows it. A photo comes in several sizes, the largest last."""

    kind: str
    file: StoredFile
    sizes: tuple[StoredFile, ...] = ()
    thumbnail: StoredFile | None = None
    spoiler: bool = False
    claims: Json = field(default_factory=dict[str, Any])
    """What the bot said of the file: width, height, duration, as far as it did."""
    extra: Json = field(default_factory=dict[str, Any])
    """Further fields of the API's object, such as a sticker's is_animated."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a message shows; the text of a message with media is its caption."""

    text: str = ""
    entities: tuple[Json, ...] = ()
    media: Media | None = None
    markup: Json | None = None


@dataclass(slots=True, eq=False)
class Message:
    id: int
    chat: Chat
    date: int
    sender: User | None
    sender_chat: Chat | None
    content: Content
    by_tested_bot: bool = False
    reply_to: Message | None = None
    topic: int | None = None
    album: str = ""
    service: Json = field(default_factory=dict[str, Any])
    """Fields of a service message, such as migrate_to_chat_id."""
    edit_date: int | None = None
    deleted: bool = False
    reactions: dict[int, tuple[str, ...]] = field(default_factory=dict[int, tuple[str, ...]])
    """Emoji by the id of the user or chat that set them."""
    past: list[Content] = field(default_factory=list[Content])
    """What it showed before, oldest first."""

    @property
    def text(self) -> str:
        """The text, or the caption of a message with media."""
        return self.content.text

    @property
    def media(self) -> Media | None:
        return self.content.media

    @property
    def kind(self) -> str:
        """text | photo | animation | video | document | …"""
        return self.content.media.kind if self.content.media else "text"

    @property
    def buttons(self) -> list[Json]:
        """The inline keyboard's buttons, row by row."""
        rows = (self.content.markup or {}).get("inline_keyboard", [])
        return [button for row in rows for button in row]

    def button(self, part: str) -> Json:
        """The first button whose label contains `part`, whatever the case. Raises LookupError."""
        for button in self.buttons:
            if part.casefold() in button["text"].casefold():
                return button
        labels = ", ".join(button["text"] for button in self.buttons)
        raise LookupError(f"no button {part!r}; there are: {labels or 'none'}")


@dataclass(slots=True, eq=False)
class Click:
    """A pressed button and what the bot said to it."""

    id: str
    user: User
    message: Message
    data: str
    answer: Json | None = None
    """The parameters of answerCallbackQuery: text, show_alert, …; None while the button still spins."""
    expired: bool = False
    """Too old to be answered."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file part of a form."""

    name: str
    filename: str
    mime: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A request with its parameters decoded."""

    method: str
    params: Json
    uploads: dict[str, Upload]
    at: float
    """Seconds of the kit's clock."""

    def get(self, name: str) -> Any:
        return self.params.get(name)


@dataclass(slots=True)
class Exchange:
    """A call and what came of it."""

    call: Call
    status: int
    body: Json
    fault: str = ""
    """The scripted fault that changed it, where there was one."""
