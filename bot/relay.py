"""Outbox → messages: one status message per request, then edits; the film as a new message.

A message's reference is committed right after the platform took it. A bot killed between the two posts
again with the same nonce, which a platform that knows nonces answers with the first message; on one that
takes two calls for a film, the line that the film goes into is committed before the film is. So after any
kill each request has one live message. Everything here can be repeated without harm.
"""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

from bot.chat import Chat, ChatUnavailable, MessageGone, PlaceClosed, PlaceGone, Slip, View
from bot.covering import cover, owed
from bot.kept import film_files
from bot.lanes import Lane, Priority
from bot.refresh import WAKE_S, Refresher
from bot.removing import Remover
from bot.wording.views import closed_notice, closed_view, film_view, status_view
from storage.errors import DatabaseTrouble, UnknownRequest
from storage.failpoints import reach
from storage.jobs import JobState, MessageRef, Result, Status
from storage.media import Media
from storage.outage import insist, waits
from storage.store import MessageKind, OutboxItem, Store

AT_ONCE_PER_PLATFORM = 16
AT_ONCE_PER_ROOM = 2
ITEMS_PER_PASS = 50
RETRY_MS_MIN, RETRY_MS_MAX = 1_000, 120_000
TELL_S = 30.0
"""For a private word, which is tried once."""
ABSENT_RETRY_MS = 30_000
"""Messages of a platform that this bot does not serve now wait this long between looks."""
DATABASE_RETRY_S = 1.0
"""After a database that was away, busy or full is back."""

log = logging.getLogger(__name__)


class Relay:
    """Drives every chat from the store. One `run` per bot process."""

    def __init__(
        self, store: Store, media: Media, chats: Mapping[str, Chat], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """chats: by platform; may grow and shrink while the relay runs."""
        self._store = store
        self._media = media
        self._chats = chats
        self._stopping = False
        self._wake = asyncio.Event()
        self._busy: set[int] = set()
        self._lanes: dict[str, Lane] = {}
        self._remover = Remover(store, chats, busy=self._busy)
        self._refresher = Refresher(store, media, chats, busy=self._busy, edit=self._edit, monotonic=monotonic)

    async def run(self) -> None:
        """Until `stop`; then what is due is shown once more, and calls in flight may finish.

        While the database cannot be used nothing is begun, and nothing that is under way is given up.
        """
        await insist(self._recall)
        async with asyncio.TaskGroup() as group:
            ear = group.create_task(self._listen())
            while not self._stopping:
                self._wake.clear()
                # The listener wakes this loop again, once it has waited.
                with suppress(DatabaseTrouble):
                    await self._start_due(group)
                    await self._remover.start(group, self._lane)
                    await self._refresher.start(group, self._lane)
                await self._wake.wait()
            ear.cancel()
        async with asyncio.TaskGroup() as group:
            # What the database does not tell now is told after the next start.
            with suppress(DatabaseTrouble):
                await self._start_due(group)
                await self._remover.start(group, self._lane)

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    @property
    def refreshed(self) -> frozenset[int]:
        """Requests whose status messages are kept live."""
        return self._refresher.known

    async def drain(self) -> None:
        """Show all that is due, and return when it is shown or put off."""
        await self._recall()
        async with asyncio.TaskGroup() as group:
            await self._start_due(group)
            await self._refresher.start(group, self._lane)
        # After the rest: what was sent may have been deleted meanwhile.
        async with asyncio.TaskGroup() as group:
            await self._remover.start(group, self._lane)

    async def _recall(self) -> None:
        """Find the status messages of open requests that an earlier process posted."""
        for request_id, ref in (await self._store.live_messages()).items():
            self._refresher.recall(request_id, ref)

    async def _listen(self) -> None:
        """Wake the relay for every commit, and now and then without one. One task: the store counts per task."""
        pauses = waits()
        while True:
            try:
                await self._store.changed(timeout_s=WAKE_S)
            except DatabaseTrouble:
                await asyncio.sleep(next(pauses))
            else:
                pauses = waits()
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
            priority = Priority.FINAL if item.status.state.terminal else Priority.STATE
            try:
                async with self._lane(chat).turn(priority, item.status.place.chat_id):
                    if item.status.state is JobState.DONE:
                        await self._show_film(chat, item)
                    else:
                        await self._show_status(chat, item)
            except ChatUnavailable as exc:
                await self._put_off(item, exc.after_s)
            except PlaceClosed as exc:
                await self._settle_closed(chat, item, exc)
            except UnknownRequest:
                self._refresher.forget(item.request_id)
                log.info("forgotten while it was being shown", extra={"request_id": item.request_id})
            except DatabaseTrouble:
                await self._put_off(item, DATABASE_RETRY_S)
            except Exception:
                # A mistake in one adapter or one message must not silence all others.
                log.exception("message not shown", extra={"request_id": item.request_id, "rev": item.rev})
                await self._put_off(item, None)
            else:
                reach("relay.shown")
                with suppress(UnknownRequest):  # deleted in this moment: nothing is owed any more
                    await self._store.outbox_sent(item.request_id, item.rev)
        finally:
            self._busy.discard(item.request_id)

    async def _put_off(self, item: OutboxItem, after_s: float | None) -> None:
        # Never given up: the film is kept until it can be shown. The wait doubles up to its bound.
        after_ms = min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** min(item.tries, 20))
        if after_s is not None:
            after_ms = round(1000 * after_s)
        await self._store.outbox_retry(item.request_id, item.rev, after_ms=after_ms)

    async def _settle_closed(self, chat: Chat, item: OutboxItem, reason: PlaceClosed) -> None:
        """The chat takes nothing any more: nothing is owed to it, and an ending is told in private, once."""
        log.warning("the chat is closed to the bot", extra={"request_id": item.request_id, "reason": reason})
        if item.film_ref is not None:
            # The film stands there; only what was to follow it cannot.
            await self._store.outbox_sent(item.request_id, item.rev)
            return
        if not item.status.state.terminal:
            await self._store.unreachable(item.request_id, item.rev)
            return
        self._refresher.forget(item.request_id)
        if item.status_ref is not None:
            # A chat that is closed to films may still take words. What promises a film for ever must go.
            try:
                await chat.edit(item.status_ref, closed_view(item.status))
            except MessageGone:
                pass
            except (PlaceClosed, ChatUnavailable):
                await self._store.remove_later(item.request_id, item.status_ref)
        # Committed before it is told: a bot that is killed in between tells nothing, and the history shows it.
        if not await self._store.unreachable(item.request_id, item.rev):
            return
        status = await insist(lambda: self._store.status(item.request_id))
        told = False
        try:
            async with asyncio.timeout(TELL_S):
                told = await chat.tell(status.member, closed_notice(status))
        except Exception:
            log.exception("member not told", extra={"request_id": item.request_id})
        log.info("film kept for the history", extra={"request_id": item.request_id, "told": told})

    async def _show_film(self, chat: Chat, item: OutboxItem) -> None:
        """What is to be covered, the film as a new message, then the status message goes."""
        result = item.status.result
        if result is None:
            raise ValueError("done without a result")
        if owed(item):
            await cover(self._store, self._media, self._chats, item)
        if item.film_ref is None and not item.status.unreached:
            if item.status_ref is None:
                # A bot that was killed may have posted one without being able to say so: asked again under the same
                # nonce, the platform names it. Before the film: once that stands, no message is left unknown.
                ref = await self._post(chat, item.status, status_view(item.status), item.rev, gone=None)
                item = replace(item, status_ref=ref)
            if not await self._deliver(chat, item, result):
                return
        if item.status_ref is not None:
            await self._remove_status(chat, item, item.status_ref)
        self._refresher.forget(item.request_id)

    async def _deliver(self, chat: Chat, item: OutboxItem, result: Result) -> bool:
        """False where the film is lost, and that has been said in its place."""
        status = item.status
        files = None if status.film_lost else await asyncio.to_thread(film_files, self._media, result)
        if files is None:
            await self._tell_lost(chat, item)
            return False
        view = film_view(status, film=files.film, gif=files.gif)
        slip = Slip(begun=item.line_ref, commit=partial(self._begun, item))
        reach("relay.send.before")
        try:
            ref = await chat.deliver(status.place, view, nonce=film_nonce(item.request_id), slip=slip)
        except PlaceClosed:
            if slip.begun is not None:
                # In this order: a line that is known may still be filled, and must not go then.
                await self._store.message_removed(item.request_id, MessageKind.LINE)
                await self._store.remove_later(item.request_id, slip.begun)
            raise
        reach("relay.sent")
        await self._posted(item.request_id, MessageKind.FILM, ref, item.rev)
        reach("relay.recorded")
        return True

    async def _remove_status(self, chat: Chat, item: OutboxItem, ref: MessageRef) -> None:
        try:
            await chat.remove(ref)
        except (MessageGone, PlaceGone):
            log.debug("status was already gone", extra={"request_id": item.request_id})
        except PlaceClosed:
            await self._store.remove_later(item.request_id, ref)
        await self._store.message_removed(item.request_id, MessageKind.STATUS)

    async def _begun(self, item: OutboxItem, line: MessageRef) -> None:
        reach("relay.line")
        await self._posted(item.request_id, MessageKind.LINE, line, item.rev)
        reach("relay.begun")

    async def _tell_lost(self, chat: Chat, item: OutboxItem) -> None:
        """A broken file is never posted: what was reserved goes back, and the status message says what happened."""
        if await self._store.film_lost(item.request_id):
            log.error("film damaged before it was delivered: refunded", extra={"request_id": item.request_id})
        if item.line_ref is not None:
            await self._store.remove_later(item.request_id, item.line_ref)
            await self._store.message_removed(item.request_id, MessageKind.LINE)
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
            self._refresher.forget(item.request_id)
        else:
            self._refresher.remember(item.status, ref, view)

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
        await self._posted(status.request_id, MessageKind.STATUS, ref, rev)
        reach("relay.recorded")
        return ref

    async def _posted(self, request_id: int, kind: MessageKind, ref: MessageRef, rev: int) -> None:
        """Commit what stands; of a request that was deleted or erased meanwhile nothing stays standing."""
        try:
            await self._store.message_posted(request_id, kind, ref, rev)
        except UnknownRequest:
            await self._store.remove_later(request_id, ref)
            raise

    def _lane(self, chat: Chat) -> Lane:
        """A platform that is slow holds up only itself."""
        return self._lanes.setdefault(chat.platform, Lane(AT_ONCE_PER_PLATFORM, per_room=AT_ONCE_PER_ROOM))


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
