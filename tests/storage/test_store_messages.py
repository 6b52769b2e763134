"""Messages that stood before their request, lines that become films, and chats that take nothing any more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from storagekit.films import LEO, MIA, begin, finish, message, wish

from storage.errors import QuotaExceeded
from storage.jobs import ORIGIN_CHARS_MAX, JobState
from storage.store import MessageKind, Store


async def test_a_message_that_stands_already_is_the_requests_from_its_first_moment(store: Store) -> None:
    status = await store.submit(replace(wish("a"), status_ref=message(7), origin='{"topic": 5}', spoiler=True))
    assert (status.origin, status.spoiler, status.rev) == ('{"topic": 5}', True, 1)
    (item,) = await store.outbox_due()
    assert (item.status_ref, item.rev) == (message(7), 1)
    assert await store.request_of(message(7)) == 1
    assert await store.live_messages() == {1: message(7)}


async def test_a_refused_request_adopts_nothing(store: Store) -> None:
    with pytest.raises(QuotaExceeded):
        await store.submit(replace(wish("a", duration_ms=200_000), status_ref=message(7)))
    assert await store.request_of(message(7)) is None


async def test_a_redelivered_update_keeps_the_message_of_the_first(store: Store) -> None:
    await store.submit(replace(wish("a"), status_ref=message(7)))
    await store.submit(replace(wish("a"), status_ref=message(8)))
    assert (await store.request_of(message(7)), await store.request_of(message(8))) == (1, None)


async def test_an_origin_has_an_end(store: Store) -> None:
    await store.submit(replace(wish("a"), origin="x" * ORIGIN_CHARS_MAX))
    with pytest.raises(ValueError, match="1001 characters"):
        await store.submit(replace(wish("b"), origin="x" * (ORIGIN_CHARS_MAX + 1)))
    assert len(await store.history(MIA)) == 1


async def test_a_failed_film_that_is_asked_for_again_goes_where_the_first_came_from(store: Store) -> None:
    await store.submit(replace(wish("a"), origin="topic", spoiler=True))
    for _ in range(2):
        await begin(store)
        await store.engine_died("card-0")
    again = await store.requeue(1)
    assert (again.origin, again.spoiler) == ("topic", True)


async def test_an_erased_persons_origin_goes_with_them(store: Store) -> None:
    await store.submit(replace(wish("a"), origin="file-id-of-a-face"))
    await store.erase(MIA)
    assert (await store.status(1)).origin == ""


async def test_a_line_is_known_until_it_is_the_film(store: Store) -> None:
    await store.submit(replace(wish("a"), status_ref=message(1)))
    done = await finish(store, await begin(store))
    await store.message_posted(1, MessageKind.LINE, message(2), done.rev)
    (item,) = await store.outbox_due()
    assert (item.line_ref, item.film_ref, item.status_ref) == (message(2), None, message(1))
    await store.message_posted(1, MessageKind.FILM, message(2), done.rev)
    (item,) = await store.outbox_due()
    assert (item.line_ref, item.film_ref) == (None, message(2))
    await store.message_removed(1, MessageKind.STATUS)
    await store.outbox_sent(1, done.rev)
    assert await store.request_of(message(2)) == 1


async def test_endings_are_shown_before_what_was_owed_earlier(store: Store) -> None:
    for number in range(3):
        await store.submit(wish(str(number), member=(MIA, LEO)[number % 2]))
    await finish(store, await begin(store))
    assert [item.status.state for item in await store.outbox_due(limit=2)] == [JobState.DONE, JobState.QUEUED]


async def test_a_closed_chat_is_owed_nothing_and_an_ending_is_told_once(store: Store) -> None:
    await store.submit(replace(wish("a"), status_ref=message(1)))
    assert not await store.unreachable(1, 1)
    assert await store.outbox_due() == []
    # The chat may open again: until the end its message is known.
    assert await store.live_messages() == {1: message(1)}
    done = await finish(store, await begin(store))
    assert len(await store.outbox_due()) == 1
    assert await store.unreachable(1, done.rev)
    assert not await store.unreachable(1, done.rev)
    assert await store.outbox_due() == []
    status = await store.status(1)
    assert status.unreached
    assert status.result is not None
    assert await store.request_of(message(1)) is None


async def test_a_film_nobody_was_shown_is_covered_without_a_word(store: Store) -> None:
    await store.submit(wish("a"))
    done = await finish(store, await begin(store))
    await store.unreachable(1, done.rev)
    assert (await store.hide(1, by=MIA, votes=1)).hidden
    assert await store.outbox_due() == []
