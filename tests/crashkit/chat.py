"""A chat platform on the disk: it outlives every process that posts to it.

It knows nonces as Discord does; or, as Telegram, none, and then a film is a line first that its media are put into.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from bot.chat import Limits, MessageGone, Slip, View
from crashkit.journal import Journal
from storage.jobs import JobState, Member, MessageRef, Place

PLATFORM = "test"
NOBODYS = 0
"""In the place of a request's number, of a message that no request has adopted yet."""


@dataclass(slots=True)
class Message:
    """What the room shows."""

    request_id: int
    film: bool
    line: bool
    """Posted to become a film."""
    state: JobState
    rev: int


class DiskChat:
    platform = PLATFORM
    limits = Limits(edit_interval_s=60.0, media_interval_s=60.0, upload_bytes_max=10_000_000)

    def __init__(self, folder: Path, *, two_calls: bool = False) -> None:
        self._two_calls = two_calls
        self._journal = Journal(folder / "chat.jsonl")
        self._nonces: dict[str, str] = {}
        self._live: dict[str, bool] = {}
        self._count = 0
        for line in self._journal.lines():
            self._learn(line["op"], line["id"], line.get("nonce"))

    async def post(self, place: Place, view: View, *, nonce: str) -> MessageRef:
        return self._create(place, view, nonce, film=False)

    async def deliver(self, place: Place, view: View, *, nonce: str, slip: Slip) -> MessageRef:
        assert view.media is not None
        assert view.media.is_file()
        if not self._two_calls:
            return self._create(place, view, nonce, film=True)
        ref = slip.begun
        if ref is None:
            ref = self._create(place, view, nonce, film=False, line=True)
            await slip.begin(ref)
        if not self._live.get(ref.message_id):
            raise MessageGone
        self._add("fill", ref.message_id, view)
        return ref

    def place_status(self) -> MessageRef:
        """What an adapter posts before it asks for a film: about no request yet."""
        message_id = str(1000 + self._count)
        self._add("create", message_id, film=False, line=False, request=NOBODYS, state=JobState.QUEUED, rev=0)
        return MessageRef(platform=PLATFORM, chat_id="room", message_id=message_id)

    async def edit(self, ref: MessageRef, view: View) -> None:
        if not self._live.get(ref.message_id):
            raise MessageGone
        self._add("edit", ref.message_id, view)

    async def remove(self, ref: MessageRef) -> None:
        if self._live.get(ref.message_id):
            self._add("remove", ref.message_id)

    async def tell(self, member: Member, text: str) -> bool:
        return False

    def _create(self, place: Place, view: View, nonce: str, *, film: bool, line: bool = False) -> MessageRef:
        message_id = None if self._two_calls else self._nonces.get(nonce)
        if message_id is None:
            message_id = str(1000 + self._count)
            self._add("create", message_id, view, nonce=nonce, film=film, line=line)
        return MessageRef(platform=PLATFORM, chat_id=place.chat_id, message_id=message_id)

    def _add(self, op: str, message_id: str, view: View | None = None, **facts: object) -> None:
        if view is not None:
            status = view.status
            facts |= {"request": status.request_id, "state": status.state, "rev": status.rev}
        self._journal.add(op=op, id=message_id, **facts)
        self._learn(op, message_id, facts.get("nonce"))

    def _learn(self, op: str, message_id: str, nonce: object) -> None:
        self._count += 1
        self._live[message_id] = op != "remove"
        if nonce is not None:
            self._nonces[str(nonce)] = message_id


@dataclass(slots=True)
class Room:
    """What everybody in the chat sees at this moment, and how much was ever posted."""

    live: dict[int, list[Message]]
    created: dict[tuple[int, bool], int]
    """Messages ever created, by request and whether it was a film."""
    orphans: int
    """Lines that never became a film, and that nobody knows of."""


def look(folder: Path) -> Room:
    messages: dict[str, Message] = {}
    created: defaultdict[tuple[int, bool], int] = defaultdict(int)
    for line in Journal(folder / "chat.jsonl").lines():
        if line["op"] == "create":
            state = JobState(line["state"])
            messages[line["id"]] = Message(line["request"], line["film"], line["line"], state, line["rev"])
            if not line["line"]:
                created[line["request"], line["film"]] += 1
        elif line["op"] in ("edit", "fill"):
            message = messages[line["id"]]
            if line["op"] == "fill" and not message.film:
                message.film = True
                created[line["request"], True] += 1
            message.request_id = line["request"]
            message.state, message.rev = JobState(line["state"]), line["rev"]
        else:
            del messages[line["id"]]
    live: defaultdict[int, list[Message]] = defaultdict(list)
    orphans = [message for message in messages.values() if message.line and not message.film]
    for message in messages.values():
        if message not in orphans:
            live[message.request_id].append(message)
    return Room(live=live, created=created, orphans=len(orphans))
