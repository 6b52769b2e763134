"""Films posted once more, and messages that must go: known for as long as they stand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, ROOM, begin, finish, message, wish

from storage.database import Database
from storage.errors import UnknownRequest
from storage.invariants import violations
from storage.jobs import MessageRef, Place
from storage.schema import removal
from storage.store import MessageKind, Removal, Store
from storage.store.removals import GIVEN_UP_MS, GIVEN_UP_TRIES

COPY = MessageRef(platform="discord", chat_id="a private chat", message_id="70")
OTHER_COPY = replace(COPY, chat_id="another server's room", message_id="71")
PRIVATE = Place(platform="discord", community_id="Mia alone", chat_id="a private chat")
ELSEWHERE = Place(platform="discord", community_id="another guild", chat_id="another server's room")


async def shown(store: Store, idem: str = "a") -> int:
    """A film that is done and stands in its chat, at revision 3."""
    status = await store.submit(wish(idem))
    done = await finish(store, await begin(store))
    await store.message_posted(status.request_id, MessageKind.FILM, message(status.request_id), done.rev)
    await store.outbox_sent(status.request_id, done.rev)
    return status.request_id


async def gone(store: Store, *refs: MessageRef) -> None:
    for ref in refs:
        await store.removed(ref)


async def test_a_film_has_any_number_of_copies(store: Store, database: Database) -> None:
    await shown(store)
    for copy in (COPY, OTHER_COPY, COPY):
        await store.copy_posted(1, copy, 3)
    assert [await store.request_of(ref) for ref in (COPY, OTHER_COPY, message(1))] == [1, 1, 1]
    assert await store.outbox_due() == []
    assert await violations(database, None) == []


async def test_a_covered_film_is_owed_to_every_copy_that_shows_it_as_it_was(store: Store, database: Database) -> None:
    await shown(store)
    for copy in (COPY, OTHER_COPY):
        await store.copy_posted(1, copy, 3)
    await store.hide(1, by=MIA, votes=9)
    [item] = await store.outbox_due()
    assert (item.rev, item.film_rev, set(item.copies)) == (4, 3, {COPY, OTHER_COPY})
    await store.copy_posted(1, COPY, 4)
    await store.outbox_sent(1, 4)
    [item] = await store.outbox_due()
    assert (item.film_rev, item.copies) == (4, (OTHER_COPY,))
    await store.copy_gone(OTHER_COPY)
    await store.outbox_sent(1, 4)
    assert await store.outbox_due() == []
    assert await store.request_of(OTHER_COPY) is None
    assert await violations(database, None) == []


async def test_a_copy_that_was_under_way_while_its_film_was_covered_is_owed_the_cover(
    store: Store, database: Database
) -> None:
    await shown(store)
    await store.hide(1, by=MIA, votes=9)
    await store.message_posted(1, MessageKind.FILM, message(1), 4)
    await store.outbox_sent(1, 4)
    await store.copy_posted(1, COPY, 3)
    [item] = await store.outbox_due()
    assert (item.film_rev, item.copies) == (4, (COPY,))
    await store.copy_posted(1, COPY, 4)
    await store.outbox_sent(1, 4)
    assert await violations(database, None) == []


async def test_a_copy_of_a_film_that_its_own_chat_never_took_is_covered_too(store: Store, database: Database) -> None:
    await store.submit(wish("a"))
    done = await finish(store, await begin(store))
    await store.copy_posted(1, COPY, done.rev)
    await store.unreachable(1, done.rev)
    assert await store.request_of(COPY) == 1
    await store.hide(1, by=MIA, votes=9)
    [item] = await store.outbox_due()
    assert (item.film_ref, item.copies, item.status.unreached) == (None, (COPY,), True)
    assert await violations(database, None) == []


async def test_a_copy_that_was_under_way_is_covered_also_where_no_other_message_stands(
    store: Store, database: Database
) -> None:
    await store.submit(wish("a"))
    done = await finish(store, await begin(store))
    await store.unreachable(1, done.rev)
    assert (await store.hide(1, by=MIA, votes=9)).hidden
    assert await store.outbox_due() == []
    assert await violations(database, None) == []
    await store.copy_posted(1, COPY, done.rev)
    [item] = await store.outbox_due()
    assert (item.film_ref, item.copies, item.status.hidden) == (None, (COPY,), True)
    await store.copy_posted(1, COPY, item.rev)
    await store.outbox_sent(1, item.rev)
    assert await store.outbox_due() == []
    assert await violations(database, None) == []


async def test_a_deleted_film_is_taken_away_wherever_it_stands(
    store: Store, clock: ManualClock, database: Database
) -> None:
    await shown(store)
    await store.copy_posted(1, COPY, 3)
    assert set(await store.let_go(1, by=MIA)) == {message(1), COPY}
    assert {it.ref for it in await store.removals_due()} == {message(1), COPY}
    assert [await store.request_of(ref) for ref in (message(1), COPY)] == [None, None]
    await store.removal_retry(COPY, after_ms=5_000)
    await gone(store, message(1), message(1))
    assert await store.removals_due() == []
    clock.pass_s(5)
    assert await store.removals_due() == [Removal(request_id=1, ref=COPY, tries=1)]
    await gone(store, COPY)
    assert await store.let_go(1, by=MIA) == ()
    assert await violations(database, None) == []


async def test_what_comes_to_stand_after_its_film_was_deleted_is_to_go(store: Store) -> None:
    await shown(store)
    await store.let_go(1, by=MIA)
    await gone(store, message(1))
    await store.copy_posted(1, COPY, 3)
    await store.remove_later(1, OTHER_COPY)
    await store.remove_later(1, OTHER_COPY)
    assert {it.ref for it in await store.removals_due()} == {COPY, OTHER_COPY}
    await store.remove_later(99, replace(COPY, message_id="99"))
    await store.copy_posted(99, replace(COPY, message_id="98"), 1)
    assert len(await store.removals_due()) == 2


async def test_a_removal_is_not_owed_for_ever(store: Store, clock: ManualClock) -> None:
    await shown(store)
    await store.let_go(1, by=MIA)
    await store.removal_retry(message(1), after_ms=1000)
    clock.pass_s(GIVEN_UP_MS / 1000)
    # A clock that was set forward does not make a week of a minute.
    for _ in range(GIVEN_UP_TRIES):
        assert len(await store.removals_due()) == 1
        await store.removal_retry(message(1), after_ms=1000)
        clock.pass_s(3600)
    assert await store.removals_due() == []


@pytest.mark.parametrize("back_s", [0, 86_400])
async def test_a_clock_that_is_set_back_holds_up_no_removal(store: Store, clock: ManualClock, back_s: float) -> None:
    await shown(store)
    await store.let_go(1, by=MIA)
    await store.removal_retry(message(1), after_ms=10)
    clock.pass_s(1)
    clock.pass_s(-back_s)
    assert len(await store.removals_due()) == 1


async def test_a_room_with_a_copy_may_cover_the_film_and_have_its_own_copy_removed(store: Store) -> None:
    await shown(store)
    for copy in (COPY, OTHER_COPY):
        await store.copy_posted(1, copy, 3)
    with pytest.raises(UnknownRequest):
        await store.let_go(1, by=LEO, place=ELSEWHERE)
    with pytest.raises(UnknownRequest):
        await store.let_go(1, by=LEO, everyone=True, place=replace(ELSEWHERE, chat_id="a room without one"))
    assert await store.let_go(1, by=LEO, everyone=True, place=ELSEWHERE) == (OTHER_COPY,)
    assert not (await store.status(1)).purged
    with pytest.raises(UnknownRequest):
        await store.hide(1, by=LEO, votes=1, place=ELSEWHERE)
    assert (await store.hide(1, by=LEO, votes=1, place=PRIVATE)).hidden
    assert set(await store.let_go(1, by=MIA, place=PRIVATE)) == {message(1), COPY, OTHER_COPY}
    assert (await store.status(1)).purged


async def test_messages_of_a_person_who_is_forgotten_go_and_then_nothing_names_their_chats(
    store: Store, clock: ManualClock, database: Database
) -> None:
    await shown(store)
    await store.copy_posted(1, COPY, 3)
    erased = await store.erase(MIA)
    assert set(erased.messages) == {it.ref for it in await store.removals_due()} == {message(1), COPY}
    await store.scrubbed([1], erased_before_ms=clock.now_ms())
    assert await store.unscrubbed() == []
    await gone(store, message(1))
    assert await store.unscrubbed() == []
    clock.pass_s(60)
    await gone(store, COPY)
    # The row that named the chat lies in freed pages now.
    await store.scrubbed([1], erased_before_ms=clock.now_ms() - 1)
    assert await store.unscrubbed() == [1]
    assert await database.read(lambda db: db.execute(select(removal)).all()) == []
    assert await violations(database, None) == []


async def test_a_community_sees_its_own_queue_and_how_long_it_is(store: Store) -> None:
    for number in range(4):
        await store.submit(wish(f"here {number}"))
    for number in range(3):
        await store.submit(replace(wish(f"there {number}", member=LEO), place=ELSEWHERE))
    await begin(store)
    line = await store.line(ROOM, limit=2)
    assert ([film.request_id for film in line.films], line.count) == ([1, 2], 4)
    line = await store.line(ELSEWHERE)
    assert ([film.request_id for film in line.films], line.count) == ([5, 6, 7], 3)
    assert [film.position for film in line.films] == [
        film.position for film in await store.queue() if film.place == ELSEWHERE
    ]
    assert (await store.line(PRIVATE)).count == 0


async def test_a_language_that_is_not_said_changes_none(store: Store) -> None:
    silent = replace(MIA, locale="")
    assert await store.locale(silent) == ""
    assert (await store.submit(wish("a", member=replace(MIA, locale="it")))).member.locale == "it"
    assert (await store.submit(wish("b", member=silent))).member.locale == "it"
    assert await store.locale(silent) == "it"
