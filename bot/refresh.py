"""Positions, waits, parts and previews move between transitions too: edits that are lossy, where the newest wins.

One refresh is under way in a chat at a time, and the chat's intervals hold between two. A refresh never waits for
anything: what cannot be shown now is left out, and something newer is shown later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bot.chat import Chat, ChatUnavailable, PlaceClosed, View
from bot.lanes import Lane, Priority
from bot.wording.views import status_view
from storage.errors import UnknownRequest
from storage.jobs import Blob, JobState, MessageRef, Progress, Status
from storage.media import Media
from storage.store import Store

REFRESHED_MAX = 50
"""Open requests whose status messages are kept live between transitions: running ones, then the next in the queue."""
WAKE_S = 1.0
"""Progress is looked at this often even if no transition wakes the relay."""
DECLINED_S = 120.0
"""A chat that declined a refresh without saying for how long is left alone for so long."""
ROOMS_MAX = 10_000
RUNNING_WEIGHT = 4
"""A film that is being drawn has more to show than one that waits."""

Edit = Callable[[Chat, Status, MessageRef, View, int], Awaitable[MessageRef]]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Shown:
    """What a live status message shows now. Lost in a restart, which costs one edit."""

    ref: MessageRef
    text: str = ""
    progress: Progress | None = None
    preview: Blob | None = None
    at_s: float = float("-inf")


@dataclass(slots=True)
class _Room:
    """A chat's budget."""

    under_way: bool = False
    at_s: float = float("-inf")
    """Of the last edit of any message in it."""
    media_at_s: float = float("-inf")
    not_before_s: float = float("-inf")
    """After the platform declined a refresh."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    shown: _Shown
    status: Status
    view: View
    preview: Blob | None
    urgency: float


class Refresher:
    """Keeps the status messages of open requests live."""

    def __init__(
        self,
        store: Store,
        media: Media,
        chats: Mapping[str, Chat],
        *,
        busy: set[int],
        edit: Edit,
        monotonic: Callable[[], float],
    ) -> None:
        """busy: requests about which a call is under way, shared with the relay.

        edit: shows a view in place, or in a new message where somebody deleted the old one.
        """
        self._store = store
        self._media = media
        self._chats = chats
        self._busy = busy
        self._edit = edit
        self._monotonic = monotonic
        self._shown: dict[int, _Shown] = {}
        self._rooms: dict[tuple[str, str], _Room] = {}
        self._look_at_s = float("-inf")

    @property
    def known(self) -> frozenset[int]:
        """Requests that have a live status message."""
        return frozenset(self._shown)

    def recall(self, request_id: int, ref: MessageRef) -> None:
        """A message that stands already and shows nobody knows what."""
        self._shown.setdefault(request_id, _Shown(ref=ref))

    def remember(self, status: Status, ref: MessageRef, view: View) -> None:
        """A transition has just been shown."""
        now_s = self._monotonic()
        self._shown[status.request_id] = _Shown(ref=ref, text=view.text, at_s=now_s)
        self._room(status).at_s = now_s

    def forget(self, request_id: int) -> None:
        self._shown.pop(request_id, None)

    async def start(self, group: asyncio.TaskGroup, lane: Callable[[Chat], Lane]) -> None:
        """Begin what is to be refreshed now, at most one message in each chat."""
        now_s = self._monotonic()
        if not self._shown or now_s < self._look_at_s:
            return
        # The most eager chat sets the pace: asking the queue costs a query for each film in it.
        self._look_at_s = now_s + min((chat.limits.edit_interval_s for chat in self._chats.values()), default=WAKE_S)
        chosen: dict[tuple[str, str], _Candidate] = {}
        known = self.known
        line = await self._store.queue(limit=REFRESHED_MAX)
        if len(line) < REFRESHED_MAX:
            # All that is open: what is not among it has ended, was deleted or forgotten.
            for request_id in known - {status.request_id for status in line} - self._busy:
                self.forget(request_id)
        for status in line:
            found = self._candidate(status, now_s)
            key = _key(status)
            if found is not None and (key not in chosen or chosen[key].urgency < found.urgency):
                chosen[key] = found
        for candidate in chosen.values():
            chat = self._chats[candidate.status.place.platform]
            if not lane(chat).taken(candidate.status.place.chat_id):
                self._busy.add(candidate.status.request_id)
                self._room(candidate.status).under_way = True
                group.create_task(self._refresh(chat, lane(chat), candidate))

    def _candidate(self, status: Status, now_s: float) -> _Candidate | None:
        """What this request would show next within its chat's limits; None where nothing may or need change."""
        shown = self._shown.get(status.request_id)
        chat = self._chats.get(status.place.platform)
        if shown is None or chat is None or status.request_id in self._busy:
            return None
        room, limits = self._room(status), chat.limits
        if room.under_way or now_s < max(room.not_before_s, room.at_s + limits.edit_interval_s):
            return None
        preview = status.progress.preview if status.progress else None
        path: Path | None = None
        if preview is not None and preview != shown.preview and now_s >= room.media_at_s + limits.media_interval_s:
            path = self._media.path(preview)
            if not path.is_file():
                path = None  # superseded and swept; a newer one is on its way
        view = replace(status_view(status, preview=path), passing=True)
        moved = limits.draws_progress and status.progress != shown.progress
        if path is None and view.text == shown.text and not moved:
            return None
        weight = RUNNING_WEIGHT if status.state is JobState.RUNNING else 1
        return _Candidate(shown, status, view, preview if path is not None else None, weight * (now_s - shown.at_s))

    async def _refresh(self, chat: Chat, lane: Lane, candidate: _Candidate) -> None:
        shown, status, view = candidate.shown, candidate.status, candidate.view
        room = self._room(status)
        try:
            async with lane.turn(Priority.STATE, status.place.chat_id):
                shown.ref = await self._edit(chat, status, shown.ref, view, status.rev)
        except ChatUnavailable as exc:
            room.not_before_s = self._monotonic() + (DECLINED_S if exc.after_s is None else exc.after_s)
        except (PlaceClosed, UnknownRequest):
            # Nothing is owed for a refresh; the next transition says what becomes of the request.
            self.forget(status.request_id)
        except Exception:
            log.exception("progress not shown", extra={"request_id": status.request_id})
            room.not_before_s = self._monotonic() + DECLINED_S
        else:
            shown.text, shown.progress = view.text, status.progress
            shown.at_s = room.at_s = self._monotonic()
            if candidate.preview is not None:
                shown.preview, room.media_at_s = candidate.preview, shown.at_s
        finally:
            room.under_way = False
            self._busy.discard(status.request_id)

    def _room(self, status: Status) -> _Room:
        key = _key(status)
        if key not in self._rooms and len(self._rooms) >= ROOMS_MAX:
            # The oldest chat is as good as any to forget: at worst it is refreshed once too early.
            idle = next((other for other, room in self._rooms.items() if not room.under_way), None)
            if idle is not None:
                del self._rooms[idle]
        return self._rooms.setdefault(key, _Room())


def _key(status: Status) -> tuple[str, str]:
    return status.place.platform, status.place.chat_id
