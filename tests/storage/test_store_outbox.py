"""What chats must still show: the newest revision, once, and again later where it could not be shown."""

from __future__ import annotations

import pytest
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, begin, finish, message, wish

from storage.errors import UnknownRequest
from storage.jobs import JobState
from storage.store import MessageKind, Store


async def test_every_transition_owes_a_message(store: Store) -> None:
    await store.submit(wish("a"))
    (item,) = await store.outbox_due()
    assert (item.request_id, item.rev, item.tries) == (1, 1, 0)
    assert (item.status_ref, item.film_ref) == (None, None)
    assert item.status == await store.status(1)


async def test_newest_revision_covers_the_older_ones(store: Store) -> None:
    await store.submit(wish("a"))
    await finish(store, await begin(store))
    (item,) = await store.outbox_due()
    assert (item.rev, item.status.state) == (3, JobState.DONE)
    await store.outbox_sent(1, 3)
    assert await store.outbox_due() == []


async def test_revision_that_comes_while_an_older_one_is_shown_is_still_owed(store: Store) -> None:
    await store.submit(wish("a"))
    await store.message_posted(1, MessageKind.STATUS, message(), 1)
    await begin(store)
    await store.outbox_sent(1, 1)
    (item,) = await store.outbox_due()
    assert (item.rev, item.status_ref) == (2, message())


async def test_posted_message_is_known_before_it_counts_as_sent(store: Store) -> None:
    await store.submit(wish("a"))
    await store.message_posted(1, MessageKind.STATUS, message(), 1)
    (item,) = await store.outbox_due()
    assert (item.rev, item.status_ref) == (1, message())
    await store.outbox_sent(1, 1)
    assert await store.outbox_due() == []


async def test_posting_again_replaces_the_message(store: Store) -> None:
    await store.submit(wish("a"))
    await store.message_posted(1, MessageKind.STATUS, message(1), 1)
    await store.message_posted(1, MessageKind.STATUS, message(2), 1)
    (item,) = await store.outbox_due()
    assert item.status_ref == message(2)
    assert await store.request_of(message(1)) is None
    assert await store.request_of(message(2)) == 1


async def test_film_takes_the_place_of_its_status_message(store: Store) -> None:
    await store.submit(wish("a"))
    await store.message_posted(1, MessageKind.STATUS, message(1), 1)
    await store.outbox_sent(1, 1)
    await finish(store, await begin(store))
    await store.message_posted(1, MessageKind.FILM, message(2), 3)
    (item,) = await store.outbox_due()
    assert (item.status_ref, item.film_ref) == (message(1), message(2))
    await store.message_removed(1, MessageKind.STATUS)
    await store.outbox_sent(1, 3)
    assert await store.outbox_due() == []
    assert await store.request_of(message(1)) is None
    assert await store.request_of(message(2)) == 1


async def test_put_off_message_is_due_again_later(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    await store.outbox_retry(1, 1, after_ms=5_000)
    assert await store.outbox_due() == []
    clock.pass_s(5)
    (item,) = await store.outbox_due()
    assert item.tries == 1


async def test_newer_revision_does_not_wait_for_an_older_ones_retry(store: Store) -> None:
    await store.submit(wish("a"))
    await store.outbox_retry(1, 1, after_ms=60_000)
    await begin(store)
    (item,) = await store.outbox_due()
    assert (item.rev, item.tries) == (2, 0)
    # The retry of a revision that is no longer the newest concerns nobody.
    await store.outbox_retry(1, 1, after_ms=60_000)
    assert len(await store.outbox_due()) == 1


async def test_oldest_debts_come_first_and_are_limited(store: Store, clock: ManualClock) -> None:
    for number in range(3):
        await store.submit(wish(str(number)))
        clock.pass_s(1)
    assert [item.request_id for item in await store.outbox_due(limit=2)] == [1, 2]


async def test_revision_that_never_was_cannot_be_shown(store: Store) -> None:
    await store.submit(wish("a"))
    with pytest.raises(UnknownRequest):
        await store.outbox_sent(1, 2)
    with pytest.raises(UnknownRequest):
        await store.message_posted(1, MessageKind.STATUS, message(), 2)
    with pytest.raises(UnknownRequest):
        await store.message_posted(2, MessageKind.STATUS, message(), 1)
    assert len(await store.outbox_due()) == 1


async def test_new_relay_finds_the_status_messages_of_open_requests(store: Store) -> None:
    await store.submit(wish("a"))
    await store.submit(wish("b", member=LEO))
    await store.message_posted(1, MessageKind.STATUS, message(1), 1)
    await store.message_posted(2, MessageKind.STATUS, message(2), 1)
    assert await store.live_messages() == {1: message(1), 2: message(2)}
    await store.cancel(1, by=MIA)
    assert await store.live_messages() == {2: message(2)}


async def test_a_wall_clock_that_is_set_back_does_not_hold_back_what_is_owed(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    clock.set_wall(-86_400)
    (item,) = await store.outbox_due()
    assert item.rev == 1


async def test_nothing_is_put_off_for_longer_than_a_set_back_clock_can_be_told_from(
    store: Store, clock: ManualClock
) -> None:
    await store.submit(wish("a"))
    await store.outbox_retry(1, 1, after_ms=86_400_000)
    assert await store.outbox_due() == []
    clock.pass_s(600)
    assert len(await store.outbox_due()) == 1
