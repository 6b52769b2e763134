"""A chat platform on the disk: it outlives every process that posts to it, and knows nonces as Discord does."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from bot.chat import Limits, MessageGone, View
from crashkit.journal import Journal
from storage.jobs import JobState, MessageRef, Place

PLATFORM = "test"


@dataclass(slots=True)
class Message:
    """What the room shows."""

    request_id: int
    film: bool
    state: JobState
    rev: int


class DiskChat:
    platform = PLATFORM
    limits = Limits(edit_interval_s=60.0, media_interval_s=60.0, upload_bytes_max=10_000_000)

    def __init__(self, folder: Path) -> None:
        self._journal = Journal(folder / "chat.jsonl")
        self._nonces: dict[str, str] = {}
        self._live: dict[str, bool] = {}
        self._count = 0
        for line in self._journal.lines():
            self._learn(line["op"], line["id"], line.get("nonce"))

    async def post(self, place: Place, view: View, *, nonce: str) -> MessageRef:
        return self._create(place, view, nonce, film=False)

    async def deliver(self, place: Place, view: View, *, nonce: str) -> MessageRef:
        assert view.media is not None
        assert view.media.is_file()
        return self._create(place, view, nonce, film=True)

    async def edit(self, ref: MessageRef, view: View) -> None:
        if not self._live.get(ref.message_id):
            raise MessageGone
        self._add("edit", ref.message_id, view)

    async def remove(self, ref: MessageRef) -> None:
        if self._live.get(ref.message_id):
            self._add("remove", ref.message_id)

    def _create(self, place: Place, view: View, nonce: str, *, film: bool) -> MessageRef:
        message_id = self._nonces.get(nonce)
        if message_id is None:
            message_id = str(1000 + self._count)
            self._add("create", message_id, view, nonce=nonce, film=film)
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


def look(folder: Path) -> Room:
    messages: dict[str, Message] = {}
    created: defaultdict[tuple[int, bool], int] = defaultdict(int)
    for line in Journal(folder / "chat.jsonl").lines():
        if line["op"] == "create":
            messages[line["id"]] = Message(line["request"], line["film"], JobState(line["state"]), line["rev"])
            created[line["request"], line["film"]] += 1
        elif line["op"] == "edit":
            message = messages[line["id"]]
            message.state, message.rev = JobState(line["state"]), line["rev"]
        else:
            del messages[line["id"]]
    live: defaultdict[int, list[Message]] = defaultdict(list)
    for message in messages.values():
        live[message.request_id].append(message)
    return Room(live=live, created=created)
