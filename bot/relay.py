"""Outbox → messages: one status message per request, then edits; the film as a new message.

A message's reference is committed right after the platform took it. A bot killed between the two posts
again with the same nonce, which a platform that knows nonces answers with the first message; so after
any kill each request has one live message. Everything here can be repeated without harm.
"""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bot.chat import Chat, ChatUnavailable, MessageGone, View
from bot.wording.views import film_view, status_view
from storage.failpoints import reach
from storage.jobs import Blob, JobState, MessageRef, Progress, Status
from storage.media import Media
from storage.store import MessageKind, OutboxItem, Store

WAKE_S = 1.0
"""Progress is looked at this often even if no transition wakes the relay."""
REFRESHED_MAX = 50
"""Open requests whose status messages are kept live between transitions: running ones, then the next in the queue."""
AT_ONCE_PER_CHAT = 4
ITEMS_PER_PASS = 50
RETRY_MS_MIN, RETRY_MS_MAX = 1_000, 120_000
ABSENT_RETRY_MS = 30_000
"""Messages of a platform that this bot does not serve now wait this long between looks."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Shown:
    """What a live status message shows now. Lost in a restart, which costs one edit."""

    ref: MessageRef
    text: str = ""
    progress: Progress | None = None
    preview: Blob | None = None
    text_at_s: float = float("-inf")
    media_at_s: float = float("-inf")
    not_before_s: float = float("-inf")
    """After the platform declined an edit."""


class Relay:
    """Drives every chat from the store. One `run` per bot process."""

    def __init__(
        self, store: Store, media: Media, chats: Mapping[str, Chat], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """chats: by platform; may grow and shrink while the relay runs."""
        self._store = store
        self._media = media
        self._chats = chats
        self._monotonic = monotonic
        self._stopping = False
        self._wake = asyncio.Event()
        self._busy: set[int] = set()
        self._shown: dict[int, _Shown] = {}
        self._refresh_at_s = float("-inf")
        self._lanes: dict[str, asyncio.Semaphore] = {}

    async def run(self) -> None:
        """Until `stop`; then what is due is shown once more, and calls in flight may finish."""
        await self._recall()
        async with asyncio.TaskGroup() as group:
            ear = group.create_task(self._listen())
            while not self._stopping:
                self._wake.clear()
                await self._start_due(group)
                await self._start_refreshes(group)
                await self._wake.wait()
            ear.cancel()
        async with asyncio.TaskGroup() as group:
            await self._start_due(group)

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def drain(self) -> None:
        """Show all that is due, and return when it is shown or put off."""
        await self._recall()
        async with asyncio.TaskGroup() as group:
            await self._start_due(group)
            await self._start_refreshes(group)

    async def _recall(self) -> None:
        """Find the status messages of open requests that an earlier process posted."""
        for request_id, ref in (await self._store.live_messages()).items():
            self._shown.setdefault(request_id, _Shown(ref=ref))

    async def _listen(self) -> None:
        """Wake the relay for every commit, and now and then without one. One task: the store counts per task."""
        while True:
            await self._store.changed(timeout_s=WAKE_S)
            self._wake.set()

    async def _start_due(self, group: asyncio.TaskGroup) -> None:
        # What is being shown while the outbox is read may be read as unshown: such a request waits for the next pass.
        busy = frozenset(self._busy)
        for item in await self._store.outbox_due(limit=ITEMS_PER_PASS + len(busy)):
            if item.request_id not in busy:
                self._busy.add(item.request_id)
                group.create_task(self._show(item))

    async def _show(self, item: OutboxItem) -> None:
        """One transition → the platform → the store. Failures of the platform are put off, never raised."""
        try:
            chat = self._chats.get(item.status.place.platform)
            if chat is None:
                await self._store.outbox_retry(item.request_id, item.rev, after_ms=ABSENT_RETRY_MS)
                return
            try:
                async with self._lane(chat):
                    if item.status.state is JobState.DONE:
                        await self._deliver(chat, item)
                    else:
                        await self._show_status(chat, item)
            except ChatUnavailable:
                await self._put_off(item)
            except Exception:
                # A mistake in one adapter or one message must not silence all others.
                log.exception("message not shown", extra={"request_id": item.request_id, "rev": item.rev})
                await self._put_off(item)
            else:
                reach("relay.shown")
                await self._store.outbox_sent(item.request_id, item.rev)
        finally:
            self._busy.discard(item.request_id)

    async def _put_off(self, item: OutboxItem) -> None:
        # Never given up: the film is kept until it can be shown. The wait doubles up to its bound.
        after_ms = min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** min(item.tries, 20))
        await self._store.outbox_retry(item.request_id, item.rev, after_ms=after_ms)

    async def _deliver(self, chat: Chat, item: OutboxItem) -> None:
        """The film as a new message, then the status message goes."""
        status = item.status
        result = status.result
        if result is None:
            raise ValueError("done without a result")
        if item.film_ref is None:
            if status.film_lost or await asyncio.to_thread(self._media.damaged, result.film):
                await self._tell_lost(chat, item)
                return
            gif = None if result.gif is None else self._media.path(result.gif)
            if result.gif is not None and await asyncio.to_thread(self._media.damaged, result.gif):
                log.warning("GIF damaged: the film goes out alone", extra={"request_id": item.request_id})
                gif = None
            view = film_view(status, film=self._media.path(result.film), gif=gif)
            reach("relay.send.before")
            ref = await chat.deliver(status.place, view, nonce=film_nonce(item.request_id))
            reach("relay.sent")
            await self._store.message_posted(item.request_id, MessageKind.FILM, ref, item.rev)
            reach("relay.recorded")
        status_ref = item.status_ref
        if status_ref is None:
            # A bot that was killed may have posted one without being able to say so: asked again under the same
            # nonce, the platform names it, and it can be taken away.
            status_ref = await self._post(chat, status, status_view(status), item.rev, gone=None)
        try:
            await chat.remove(status_ref)
        except MessageGone:
            log.debug("status was already gone", extra={"request_id": item.request_id})
        await self._store.message_removed(item.request_id, MessageKind.STATUS)
        self._shown.pop(item.request_id, None)

    async def _tell_lost(self, chat: Chat, item: OutboxItem) -> None:
        """A broken file is never posted: what was reserved goes back, and the status message says what happened."""
        if await self._store.film_lost(item.request_id):
            log.error("film damaged before it was delivered: refunded", extra={"request_id": item.request_id})
        status = await self._store.status(item.request_id)
        await self._show_status(chat, replace(item, status=status))

    async def _show_status(self, chat: Chat, item: OutboxItem) -> None:
        view = status_view(item.status)
        ref = item.status_ref
        if ref is None:
            ref = await self._post(chat, item.status, view, item.rev, gone=None)
            if item.rev > 1:
                # The first post may have been made by a bot that was killed before it could say so;
                # then the platform has just answered with that message, which shows an older revision.
                ref = await self._edit(chat, item.status, ref, view, item.rev)
        else:
            ref = await self._edit(chat, item.status, ref, view, item.rev)
        if item.status.state.terminal:
            self._shown.pop(item.request_id, None)
        else:
            now_s = self._monotonic()
            self._shown[item.request_id] = _Shown(ref=ref, text=view.text, text_at_s=now_s)

    async def _edit(self, chat: Chat, status: Status, ref: MessageRef, view: View, rev: int) -> MessageRef:
        """The reference of the message that shows the view now: another one if someone deleted the first."""
        try:
            await chat.edit(ref, view)
        except MessageGone:
            return await self._post(chat, status, view, rev, gone=ref)
        return ref

    async def _post(self, chat: Chat, status: Status, view: View, rev: int, *, gone: MessageRef | None) -> MessageRef:
        """A new status message, in place of `gone` where there was one; its reference is committed at once."""
        reach("relay.send.before")
        ref = await chat.post(status.place, view, nonce=status_nonce(status.request_id, gone))
        reach("relay.sent")
        await self._store.message_posted(status.request_id, MessageKind.STATUS, ref, rev)
        reach("relay.recorded")
        return ref

    async def _start_refreshes(self, group: asyncio.TaskGroup) -> None:
        """Positions, waits, parts and previews move between transitions too; these edits are lossy."""
        now_s = self._monotonic()
        if not self._shown or now_s < self._refresh_at_s:
            return
        # The most eager chat sets the pace: asking the queue costs a query for each film in it.
        self._refresh_at_s = now_s + min((chat.limits.edit_interval_s for chat in self._chats.values()), default=WAKE_S)
        busy = frozenset(self._busy)
        for status in await self._store.queue(limit=REFRESHED_MAX):
            shown = self._shown.get(status.request_id)
            chat = self._chats.get(status.place.platform)
            if shown is None or chat is None or status.request_id in busy:
                continue
            view, preview = self._next_view(chat, shown, status, now_s)
            if view is not None:
                self._busy.add(status.request_id)
                group.create_task(self._refresh(chat, shown, status, view, preview))

    def _next_view(self, chat: Chat, shown: _Shown, status: Status, now_s: float) -> tuple[View | None, Blob | None]:
        """What to show next within the platform's limits; no view where nothing may or need change."""
        limits = chat.limits
        if now_s < max(shown.not_before_s, shown.text_at_s + limits.edit_interval_s):
            return None, None
        preview = status.progress.preview if status.progress else None
        path: Path | None = None
        if preview is not None and preview != shown.preview and now_s >= shown.media_at_s + limits.media_interval_s:
            path = self._media.path(preview)
            if not path.is_file():
                path = None  # superseded and swept; a newer one is on its way
        view = status_view(status, preview=path)
        moved = limits.draws_progress and status.progress != shown.progress
        if path is None and view.text == shown.text and not moved:
            return None, None
        return view, preview if path is not None else None

    async def _refresh(self, chat: Chat, shown: _Shown, status: Status, view: View, preview: Blob | None) -> None:
        try:
            async with self._lane(chat):
                shown.ref = await self._edit(chat, status, shown.ref, view, status.rev)
        except ChatUnavailable:
            shown.not_before_s = self._monotonic() + RETRY_MS_MAX / 1000
        except Exception:
            log.exception("progress not shown", extra={"request_id": status.request_id})
            shown.not_before_s = self._monotonic() + RETRY_MS_MAX / 1000
        else:
            shown.text, shown.progress = view.text, status.progress
            shown.text_at_s = self._monotonic()
            if preview is not None:
                shown.preview, shown.media_at_s = preview, shown.text_at_s
        finally:
            self._busy.discard(status.request_id)

    def _lane(self, chat: Chat) -> asyncio.Semaphore:
        """A platform that is slow holds up only itself."""
        return self._lanes.setdefault(chat.platform, asyncio.Semaphore(AT_ONCE_PER_CHAT))


def film_nonce(request_id: int) -> str:
    return f"fb{request_id}.film"


def status_nonce(request_id: int, gone: MessageRef | None) -> str:
    """One nonce for each message a request needs: at most 25 characters, Discord's limit, for ids below 10**12.

    Not of the revision: a bot killed between post and commit may find a newer one when it returns. A deleted
    message's successor needs another nonce, or the platform would answer with the deleted one.
    """
    if gone is None:
        return f"fb{request_id}.status"
    return f"fb{request_id}.{zlib.crc32(gone.message_id.encode()):08x}"
