"""A chat platform in memory: a full `Chat` that keeps what a room would show, knows nonces and can fail."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from bot.chat import ChatUnavailable, Limits, MessageGone, Slip, View
from storage.jobs import Member, MessageRef, Place


@dataclass(slots=True)
class Message:
    ref: MessageRef
    view: View
    film: bool
    edits: int = 0


@dataclass(slots=True)
class RecordingChat:
    platform: str = "test"
    limits: Limits = field(
        default_factory=lambda: Limits(edit_interval_s=5.0, media_interval_s=15.0, upload_bytes_max=10_000_000)
    )
    knows_nonces: bool = True
    messages: dict[str, Message] = field(default_factory=dict)
    """What the room shows now, oldest first."""
    calls: list[str] = field(default_factory=list)
    """Every call that reached the platform, in order: "post 1", "edit 1", …"""
    failures: deque[Exception] = field(default_factory=deque)
    """Raised by the next calls, one each, before anything happens."""
    after_posting: deque[BaseException] = field(default_factory=deque)
    """Raised by the next posts and deliveries once the message stands: the answer got lost."""
    gate: asyncio.Event | None = None
    """Calls wait here, as on a slow network."""
    hang_on: set[str] = field(default_factory=set)
    """Calls of these words wait for `let_go`."""
    unhung: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: int = 0
    most_under_way: int = 0
    nonces: dict[str, MessageRef] = field(default_factory=dict)
    two_calls: bool = False
    """A film takes a line first, which knows no nonce, and then its media, as on Telegram."""
    deaths: dict[str, BaseException] = field(default_factory=dict)
    """Raised once by a delivery in two calls: after the "line", after it has "begun", after the "film"."""
    told: list[tuple[Member, str]] = field(default_factory=list)
    """What reached members privately."""

    async def post(self, place: Place, view: View, *, nonce: str) -> MessageRef:
        return await self._create("post", place, view, nonce)

    async def deliver(self, place: Place, view: View, *, nonce: str, slip: Slip) -> MessageRef:
        assert view.media is not None
        assert view.media.is_file()
        if self.two_calls:
            return await self._deliver_in_two(place, view, slip)
        return await self._create("deliver", place, view, nonce)

    async def edit(self, ref: MessageRef, view: View) -> None:
        await self._call(f"edit {view.status.request_id}")
        if ref.message_id not in self.messages:
            raise MessageGone
        message = self.messages[ref.message_id]
        message.view = view
        message.edits += 1

    async def remove(self, ref: MessageRef) -> None:
        await self._call(f"remove {ref.message_id}")
        self.messages.pop(ref.message_id, None)

    async def tell(self, member: Member, text: str) -> bool:
        self.told.append((member, text))
        return True

    def stands(self, ref: MessageRef) -> None:
        """A message of the bot that its adapter has posted before there was a request."""
        self.messages[ref.message_id] = Message(ref, None, film=False)  # type: ignore[arg-type]

    def let_go(self) -> None:
        """Calls that hang go on."""
        self.hang_on.clear()
        self.unhung.set()

    def about(self, request_id: int) -> list[Message]:
        return [message for message in self.messages.values() if message.view.status.request_id == request_id]

    def texts(self) -> list[str]:
        return [message.view.text for message in self.messages.values()]

    async def _create(self, verb: str, place: Place, view: View, nonce: str) -> MessageRef:
        assert len(nonce) <= 25
        await self._call(f"{verb} {view.status.request_id}")
        if self.knows_nonces and nonce in self.nonces:
            return self.nonces[nonce]
        ref = MessageRef(platform=self.platform, chat_id=place.chat_id, message_id=str(1000 + len(self.calls)))
        self.nonces[nonce] = ref
        self.messages[ref.message_id] = Message(ref, view, film=verb == "deliver")
        if self.after_posting:
            raise self.after_posting.popleft()
        return ref

    async def _deliver_in_two(self, place: Place, view: View, slip: Slip) -> MessageRef:
        ref = slip.begun
        if ref is None:
            await self._call(f"line {view.status.request_id}")
            ref = MessageRef(platform=self.platform, chat_id=place.chat_id, message_id=str(1000 + len(self.calls)))
            self.messages[ref.message_id] = Message(ref, view, film=False)
            self._die("line")
            await slip.begin(ref)
            self._die("begun")
        await self._call(f"film {view.status.request_id}")
        self.messages[ref.message_id] = Message(ref, view, film=True)
        self._die("film")
        return ref

    def _die(self, step: str) -> None:
        if step in self.deaths:
            raise self.deaths.pop(step)

    async def _call(self, what: str) -> None:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if self.gate is not None:
                await self.gate.wait()
            if what in self.hang_on:
                await self.unhung.wait()
            if self.failures:
                raise self.failures.popleft()
            self.calls.append(what)
        finally:
            self.under_way -= 1


def no_slip() -> Slip:
    """For a platform of one call."""

    async def never(ref: MessageRef) -> None:
        raise AssertionError(ref)

    return Slip(begun=None, commit=never)


def unavailable() -> ChatUnavailable:
    return ChatUnavailable("503 Service Unavailable")
