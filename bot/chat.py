"""PORT: what a chat platform offers the rest of the bot. Discord, Telegram and the terminal implement it.

Adapters turn their platform's events into `Incoming` values and call the desk; the relay turns stored
states into `View` values and calls the adapter. No platform word leaves an adapter.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
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
    """As typed, with the options that stand in it (`bot.options`); what is given below counts before those."""
    seconds: str | None = None
    """As typed: "3", "2.5", "abc"; None asks for the default. The same holds for every option below."""
    seed: str | None = None
    schedule: str | None = None
    steps: str | None = None
    size: str | None = None
    end_picture: bytes | None = None
    style: str | None = None
    """A name that the wording tables know, such as "gentle": words that are added to the prompt."""
    form: str | None = None
    """"gif" or "mp4"; None for what the community wishes."""
    spoiler: bool = False
    letterbox: bool = False
    """The picture is to be seen whole, between bars, where a film's shape would crop it."""
    status_ref: MessageRef | None = None
    """A message that stands already and becomes the request's status: a deferred answer, a photo. Committed with it."""
    origin: str = ""
    """What the adapter wants back with every Status: opaque, at most `storage.jobs.ORIGIN_CHARS_MAX` characters."""


class Action(StrEnum):
    """What a button or a reaction under a message can ask for."""

    REROLL = "reroll"
    EXTEND = "extend"
    EDIT = "edit"
    """A reroll with other words."""
    CANCEL = "cancel"
    RETRY = "retry"
    SHORTER = "shorter"
    """The same request once more, half as long."""
    DELETE = "delete"
    HIDE = "hide"


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
    passing: bool = False
    """Only refreshes what stands, and something newer follows: nobody is to be woken for it."""

    @property
    def spoiler(self) -> bool:
        """Media are covered until somebody wants to see them."""
        return self.status.spoiler or self.status.hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a platform allows: the relay keeps refreshes within the intervals, the adapter files within the size.

    The intervals hold for each message and for each chat: one refresh is under way per chat, and of those that wait
    only the newest view counts. Transitions and films are never held back by them.
    """

    edit_interval_s: float
    """Least time between two edits that only refresh words."""
    media_interval_s: float
    """Least time between two that carry a preview."""
    upload_bytes_max: int
    """What every chat of the platform takes; an adapter asks for a chat's real limit itself."""
    draws_progress: bool = False
    """Whether an edit is wanted when only `status.progress` moved and the text stays: a terminal has bars."""


class MessageGone(Exception):
    """Someone deleted the message, or its chat: post anew or give up on the edit."""


class ChatUnavailable(Exception):
    """The platform did not take the call for now; nothing is known to be wrong with it. Try later."""

    def __init__(self, reason: str = "", *, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s
        """When the platform said to come again; None where it did not."""


class PlaceClosed(Exception):
    """The place takes nothing of ours now: gone, no permission, locked, blocked.

    The relay posts nothing there any more: the film is kept, its requester is told through `tell`, and the history
    offers it. What stands there and must go or be covered is tried again for a week: the place may open again.
    """


class PlaceGone(PlaceClosed):
    """The place is no more, and every message in it went with it."""


@dataclass(slots=True, kw_only=True)
class Slip:
    """A film's message in the making, for platforms where it takes two calls: a line first, then the film in it."""

    begun: MessageRef | None
    """The line, where an earlier try or this one has committed it."""
    commit: Callable[[MessageRef], Awaitable[None]]

    async def begin(self, ref: MessageRef) -> None:
        """The line stands: commit it, so that a bot that starts again puts the film into it and posts no other."""
        await self.commit(ref)
        self.begun = ref


class Chat(Protocol):
    """One platform.

    `post`, `edit`, `deliver` and `remove` may raise ChatUnavailable and PlaceClosed; `edit` and `remove` MessageGone.
    Several calls may be under way at once, never two about one request.
    """

    @property
    def platform(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    async def post(self, place: Place, view: View, *, nonce: str) -> MessageRef:
        """A new status message. The same nonce must not post twice where the platform can help it."""
        ...

    async def edit(self, ref: MessageRef, view: View) -> None:
        """Show a newer revision in place. Idempotent.

        `view.media` is a preview, or the film where `ref` is its message and it is to be covered. MessageGone also
        where a status is too old to be edited: then the adapter has removed it. A film is edited at any age.
        """
        ...

    async def deliver(self, place: Place, view: View, *, nonce: str, slip: Slip) -> MessageRef:
        """The final film as a new message that reaches its requester; a platform of one call ignores the slip."""
        ...

    async def remove(self, ref: MessageRef) -> None:
        """Take a message away. Removing one that is gone is not an error."""
        ...

    async def tell(self, member: Member, text: str) -> bool:
        """Privately, where the platform allows; False where it does not. Raises nothing: it is tried once."""
        ...
