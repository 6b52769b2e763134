"""PORT: what a chat platform offers the rest of the bot. Discord, Telegram and the terminal implement it.

Adapters turn their platform's events into `Incoming` values and call the desk; the relay turns stored
states into `View` values and calls the adapter. No platform word leaves an adapter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from storage.jobs import Member, MessageRef, Place, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A wish for a film as it came in: nothing in it is checked yet."""

    idem: str
    """Platform, bot and update id, e.g. "discord:123:456"."""
    member: Member
    place: Place
    picture: bytes
    """The upload as received, already bounded by `intake.upload_bytes_max`."""
    prompt: str = ""
    seconds: str | None = None
    """As typed: "3", "2.5", "abc"; None asks for the default. The same holds for every option below."""
    seed: str | None = None
    schedule: str | None = None
    steps: str | None = None
    size: str | None = None
    end_picture: bytes | None = None


class Action(StrEnum):
    """What a button or a reaction under a message can ask for."""

    REROLL = "reroll"
    EXTEND = "extend"
    CANCEL = "cancel"
    RETRY = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A message as a person should see it; adapters only lay it out."""

    text: str
    status: Status
    """For adapters that draw more than text, such as a progress bar."""
    actions: tuple[Action, ...] = ()
    media: Path | None = None
    """A preview, or the film itself in `deliver`; readable until the call returns."""
    gif: Path | None = None
    """The film as GIF, where one exists (only in `deliver`)."""
    alt_text: str = ""
    mention: Member | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a platform allows: the relay keeps within the intervals, the adapter within the size."""

    edit_interval_s: float
    """Least time between two text edits of one message."""
    media_interval_s: float
    """Least time between two edits that carry media."""
    upload_bytes_max: int
    draws_progress: bool = False
    """Whether an edit is wanted when only `status.progress` moved and the text stays: a terminal has bars."""


class MessageGone(Exception):
    """Someone deleted the message, or its chat: post anew or give up on the edit."""


class ChatUnavailable(Exception):
    """The platform did not take the call for now; nothing is known to be wrong with it. Try later."""


class Chat(Protocol):
    """One platform. All methods may raise ChatUnavailable; `edit` and `remove` may raise MessageGone."""

    @property
    def platform(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    async def post(self, place: Place, view: View, *, nonce: str) -> MessageRef:
        """A new status message. The same nonce must not post twice where the platform can help it."""
        ...

    async def edit(self, ref: MessageRef, view: View) -> None:
        """Show a newer revision in place. Idempotent."""
        ...

    async def deliver(self, place: Place, view: View, *, nonce: str) -> MessageRef:
        """The final film as a new message that reaches its requester."""
        ...

    async def remove(self, ref: MessageRef) -> None:
        """Take a message away. Removing one that is gone is not an error."""
        ...
