"""What the stand-in knows of: people, servers, channels, messages, interactions. Plain state, no rules."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatkit.discord.cdn import Mischief

Json = dict[str, Any]

UPLOAD_BYTES_MAX = {tier: mib * 2**20 for tier, mib in {0: 20, 1: 20, 2: 50, 3: 100}.items()}
"""By a server's boosts, as of September 2026; private chats are like tier 0."""


class Kind(IntEnum):
    """Channel types."""

    TEXT = 0
    DM = 1
    ANNOUNCEMENT = 5
    THREAD = 11
    FORUM = 15
    MEDIA = 16


class MessageFlag(IntFlag):
    SUPPRESS_EMBEDS = 1 << 2
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    SUPPRESS_NOTIFICATIONS = 1 << 12
    COMPONENTS_V2 = 1 << 15


@dataclass(eq=False, slots=True)
class User:
    id: int
    name: str
    bot: bool = False
    locale: str = "en-US"
    dm_open: bool = True
    """False: this person takes no private messages from the bot (50007)."""
    blocks_bot: bool = False
    """Reactions to this person's messages are refused (90001), private messages too."""

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"


@dataclass(eq=False, slots=True)
class Role:
    id: int
    name: str
    permissions: int
    position: int = 1


@dataclass(eq=False, slots=True)
class Member:
    user: User
    roles: list[Role] = field(default_factory=list)
    joined_s: float = field(default_factory=time.time)
    nick: str | None = None


@dataclass(slots=True)
class Overwrite:
    allow: int = 0
    deny: int = 0


@dataclass(eq=False, slots=True)
class Guild:
    id: int
    name: str
    owner: User
    everyone: Role
    tier: int = 0
    locale: str = "en-US"
    upload_bytes_max: int = UPLOAD_BYTES_MAX[0]
    """What is really taken; `tier` is only what the guild says of itself."""
    blocked_words: set[str] = field(default_factory=set)
    """AutoMod: a message with one of these is refused (200000)."""
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)

    def threads(self) -> list[Channel]:
        return [c for c in self.channels.values() if c.is_thread]


@dataclass(eq=False, slots=True)
class Channel:
    id: int
    kind: Kind
    name: str
    guild: Guild | None = None
    parent: Channel | None = None
    owner: User | None = None
    recipients: list[User] = field(default_factory=list)
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    archived: bool = False
    locked: bool = False
    tag_required: bool = False
    messages: dict[int, Message] = field(default_factory=dict)
    deleted: bool = False

    @property
    def is_thread(self) -> bool:
        return self.kind is Kind.THREAD

    @property
    def takes_messages(self) -> bool:
        return self.kind not in (Kind.FORUM, Kind.MEDIA)

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"


@dataclass(eq=False, slots=True)
class Attachment:
    id: int
    filename: str
    content: bytes
    content_type: str
    url: str
    description: str | None = None
    width: int | None = None
    height: int | None = None
    ephemeral: bool = False
    spoiler: bool = False
    declared_bytes: int | None = None
    """A size to declare that is not the real one."""
    mischief: Mischief | None = None
    """How its download goes wrong."""

    @property
    def size(self) -> int:
        return len(self.content) if self.declared_bytes is None else self.declared_bytes


@dataclass(eq=False, slots=True)
class Message:
    id: int
    channel: Channel
    author: User
    content: str = ""
    embeds: list[Json] = field(default_factory=list)
    stickers: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    inlined: list[Attachment] = field(default_factory=list)
    """Files that an embed shows: they are not among the attachments."""
    reactions: dict[str, list[User]] = field(default_factory=dict)
    mentions: list[User] = field(default_factory=list)
    mention_roles: list[Role] = field(default_factory=list)
    mention_everyone: bool = False
    flags: int = 0
    type: int = 0
    nonce: str | int | None = None
    reply_to: Message | None = None
    interaction: Interaction | None = None
    only_for: User | None = None
    """The one member who sees it (ephemeral)."""
    born_s: float = field(default_factory=time.time)
    edited_s: float | None = None
    edits: int = 0
    old_edits: int = 0
    deleted: bool = False

    @property
    def loading(self) -> bool:
        return bool(self.flags & MessageFlag.LOADING)

    @property
    def all_files(self) -> list[Attachment]:
        return [*self.attachments, *self.inlined]

    def buttons(self) -> list[Json]:
        """The components that one can press or choose from, in reading order."""
        return [part for part in walk(self.components) if part["type"] in (2, 3)]

    def button(self, label_or_id: str) -> Json:
        """The button with this label, emoji or custom_id; KeyError where there is none."""
        for part in self.buttons():
            emoji = (part.get("emoji") or {}).get("name")
            if label_or_id in (part.get("label"), part.get("custom_id"), emoji):
                return part
        raise KeyError(f"no button {label_or_id!r} among {[p.get('label') or p.get('emoji') for p in self.buttons()]}")


@dataclass(eq=False, slots=True)
class Command:
    id: int
    guild: Guild | None
    body: Json
    version: int

    @property
    def type(self) -> int:
        return self.body.get("type") or 1

    @property
    def name(self) -> str:
        return self.body["name"]


@dataclass(eq=False, slots=True)
class Interaction:
    id: int
    type: int
    token: str
    user: User
    channel: Channel
    data: Json
    command: Command | None = None
    message: Message | None = None
    """The message whose button was pressed."""
    born_s: float = field(default_factory=time.time)
    callback_type: int | None = None
    """How the bot acknowledged it; None until then."""
    acknowledged_s: float | None = None
    response: Message | None = None
    followups: list[Message] = field(default_factory=list)
    modal: Json | None = None
    choices: list[Json] | None = None

    @property
    def acknowledged(self) -> bool:
        return self.callback_type is not None

    @property
    def waited_s(self) -> float | None:
        """How long the member looked at nothing; None while not acknowledged."""
        return None if self.acknowledged_s is None else self.acknowledged_s - self.born_s

    @property
    def ephemeral(self) -> bool:
        return self.response is not None and bool(self.response.flags & MessageFlag.EPHEMERAL)


def walk(components: list[Json]) -> list[Json]:
    """Every component of a message or a modal, parents before children."""
    found: list[Json] = []
    for part in components:
        found.append(part)
        found += walk(part.get("components") or [])
        for inner in ("component", "accessory"):
            if part.get(inner):
                found += walk([part[inner]])
    return found
