"""Films that stand and are to be covered: their own message, and every copy that was posted elsewhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress

from bot.chat import Chat, ChatUnavailable, MessageGone, PlaceClosed, PlaceGone, View
from bot.kept import film_files
from bot.removing import closed_retry_ms
from bot.wording.views import film_view
from storage.jobs import MessageRef
from storage.media import Media
from storage.store import MessageKind, OutboxItem, Store

TRIES_MAX = 1_000
"""For a chat that lets its messages neither be edited nor removed: about a week of trying."""

ABSENT_RETRY_S = 30.0
"""For a platform that this bot does not serve now."""

log = logging.getLogger(__name__)


def owed(item: OutboxItem) -> bool:
    """Whether something shows the film as it was before this revision."""
    return bool(item.copies) or (item.film_ref is not None and item.film_rev < item.rev)


async def cover(store: Store, media: Media, chats: Mapping[str, Chat], item: OutboxItem) -> None:
    """Cover what shows the film as it was; what somebody deleted is not brought back for that.

    Each is written down as it is done. Raises ChatUnavailable where one is still seen as it was: then again, later.
    """
    result = item.status.result
    if result is None:
        raise ValueError("done without a result")
    files = await asyncio.to_thread(film_files, media, result)
    # What cannot be sent again must not be seen as it is.
    view = None if files is None else film_view(item.status, film=files.film, gif=files.gif)
    if item.film_ref is not None and item.film_rev < item.rev:
        await _cover_one(chats, item, item.film_ref, view)
        await store.message_posted(item.request_id, MessageKind.FILM, item.film_ref, item.rev)
    # A copy that cannot be reached now holds up none of the others.
    closed: ChatUnavailable | None = None
    for copy in item.copies:
        try:
            stands = await _cover_one(chats, item, copy, view)
        except ChatUnavailable as exc:
            closed = exc
            continue
        if stands:
            await store.copy_posted(item.request_id, copy, item.rev)
        else:
            await store.copy_gone(copy)
    if closed is not None:
        raise closed


async def _cover_one(chats: Mapping[str, Chat], item: OutboxItem, ref: MessageRef, view: View | None) -> bool:
    """Whether the message still stands there. Raises ChatUnavailable."""
    # Linked people post their films again on platforms where they were not made.
    chat = chats.get(ref.platform)
    if chat is None:
        raise ChatUnavailable(f"{ref.platform} is not served now", after_s=ABSENT_RETRY_S)
    try:
        if view is not None:
            await chat.edit(ref, view)
            return True
    except MessageGone:
        return False
    except PlaceClosed as exc:
        # No file may be sent there any more: what is left is to take it away.
        log.info("a film cannot be covered", extra={"request_id": item.request_id, "reason": exc})
    try:
        with suppress(MessageGone):
            await chat.remove(ref)
    except PlaceGone:
        return False
    except PlaceClosed as exc:
        if item.tries < TRIES_MAX:
            after_s = closed_retry_ms(item.tries) / 1000
            raise ChatUnavailable("a film can be neither covered nor removed", after_s=after_s) from exc
        log.exception("a film stays as it is: its chat is closed", extra={"request_id": item.request_id})
    return False
