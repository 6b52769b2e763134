"""What is kept, for how long, and what goes with it: rows in one transaction, files by the sweep."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, ROOM, begin, drawn, film, finish, message, wish

from storage.database import Database
from storage.errors import RequestRejected
from storage.invariants import violations
from storage.jobs import GONE, Failure, JobState, RequestKind
from storage.keeping import sweep
from storage.media import Media
from storage.schema import ledger, outbox, request_blob, section
from storage.settings import RetentionSettings
from storage.store import MessageKind, Store

KEPT = RetentionSettings(upload_hours=24, result_days=30)
HOUR_S = 3600
FAILURE = Failure(code="out_of_memory", sentence="The card ran out of memory.")


async def rows(database: Database, request_id: int) -> dict[str, int]:
    """How many rows of each kind name the request's files and messages."""

    def count(db: Connection) -> dict[str, int]:
        return {
            table.name: db.execute(
                select(func.count()).select_from(table).where(table.c.request_id == request_id)
            ).scalar_one()
            for table in (section, request_blob, outbox, ledger)
        }

    return await database.read(count)


async def shown(store: Store, request_id: int) -> None:
    status = await store.status(request_id)
    await store.message_posted(request_id, MessageKind.FILM, message(request_id), status.rev)
    await store.outbox_sent(request_id, status.rev)


async def done(store: Store, idem: str = "1") -> int:
    """A film that a chat has shown."""
    request_id = (await store.submit(wish(idem))).request_id
    await finish(store, await begin(store))
    await shown(store, request_id)
    return request_id


async def test_pictures_and_checkpoints_go_first_and_the_film_later(
    store: Store, database: Database, clock: ManualClock
) -> None:
    request_id = await done(store)
    whole = await store.status(request_id)
    clock.pass_s(24 * HOUR_S - 1)
    assert await store.purge(KEPT) == 0
    clock.pass_s(1)
    assert await store.purge(KEPT) == 1
    trimmed = await store.status(request_id)
    assert trimmed == replace(
        whole, params=replace(whole.params, picture=GONE), sections_done=0, wait_ms=trimmed.wait_ms
    )
    assert await rows(database, request_id) == {"section": 0, "request_blob": 3, "outbox": 3, "ledger": 2}
    assert await violations(database, None) == []
    assert await store.purge(KEPT) == 0

    clock.pass_s(29 * 24 * HOUR_S)
    assert await store.purge(KEPT) == 1
    purged = await store.status(request_id)
    assert (purged.state, purged.purged, purged.result) == (JobState.DONE, True, None)
    assert purged.params.prompt == whole.params.prompt
    assert await rows(database, request_id) == {"section": 0, "request_blob": 0, "outbox": 0, "ledger": 2}
    assert await violations(database, None) == []
    assert await store.purge(KEPT) == 0
    assert [status.request_id for status in await store.history(MIA)] == [request_id]
    # The message's buttons still find their film, to say that it is no longer kept.
    assert await store.request_of(message(request_id)) == request_id


async def test_without_a_film_everything_goes_with_the_pictures(
    store: Store, database: Database, clock: ManualClock
) -> None:
    failed = (await store.submit(wish("1"))).request_id
    await store.fail((await begin(store)).claim, FAILURE)
    half = (await store.submit(wish("2"))).request_id
    job = await begin(store)
    await store.save_section(job.claim, drawn(job, 0))
    await store.cancel(half, by=MIA)
    await store.cancelled(job.claim)
    charged = (await store.status(half)).charged_ms
    assert charged == 1200
    for request_id in (failed, half):
        await shown(store, request_id)
    clock.pass_s(24 * HOUR_S)
    assert await store.purge(KEPT) == 2
    for request_id in (failed, half):
        assert (await store.status(request_id)).purged
        assert (await rows(database, request_id))["request_blob"] == 0
    assert (await store.status(half)).charged_ms == charged
    assert await violations(database, None) == []


async def test_an_open_request_is_never_purged(store: Store, database: Database, clock: ManualClock) -> None:
    running = (await store.submit(wish("1"))).request_id
    await begin(store)
    queued = (await store.submit(wish("2"))).request_id
    before = [await rows(database, it) for it in (running, queued)]
    clock.pass_s(400 * 24 * HOUR_S)
    assert await store.purge(KEPT) == 0
    assert [await rows(database, it) for it in (running, queued)] == before


async def test_what_no_chat_has_shown_is_kept(store: Store, clock: ManualClock) -> None:
    request_id = (await store.submit(wish("1"))).request_id
    await finish(store, await begin(store))
    clock.pass_s(400 * 24 * HOUR_S)
    assert await store.purge(KEPT) == 0
    [item] = await store.outbox_due()
    assert item.status.result == film(request_id)
    await shown(store, request_id)
    assert await store.purge(KEPT) == 1


async def test_a_purged_failure_cannot_be_queued_again(store: Store, clock: ManualClock) -> None:
    request_id = (await store.submit(wish("1"))).request_id
    await store.fail((await begin(store)).claim, FAILURE)
    await shown(store, request_id)
    clock.pass_s(24 * HOUR_S)
    await store.purge(KEPT)
    with pytest.raises(RequestRejected, match="no longer kept"):
        await store.requeue(request_id)


async def test_a_child_of_a_purged_film_stays_whole(store: Store, database: Database, clock: ManualClock) -> None:
    parent = await done(store)
    child = (await store.submit(wish("2", kind=RequestKind.REROLL, parent_id=parent))).request_id
    clock.pass_s(31 * 24 * HOUR_S)
    assert await store.purge(KEPT) == 1
    status = await store.status(child)
    assert (status.parent_id, status.params.picture == GONE) == (parent, False)
    await finish(store, await begin(store))
    assert await violations(database, None) == []


async def test_many_are_purged_oldest_first_in_transactions_of_their_own(store: Store, clock: ManualClock) -> None:
    numbers: list[int] = []
    for number in range(3):
        for member in (MIA, LEO):
            request_id = (await store.submit(wish(f"{number}.{member.name}", member=member))).request_id
            await store.cancel(request_id, by=member)
            await shown(store, request_id)
            numbers.append(request_id)
    clock.pass_s(24 * HOUR_S)
    assert await store.purge(KEPT) == len(numbers)


async def test_the_files_of_what_was_purged_go_with_the_next_sweep_and_shared_ones_stay(
    store: Store, database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    media = Media(tmp_path)
    shared, own = media.put_bytes(b"of two films", ".png"), media.put_bytes(b"of one film", ".png")
    for path in (media.path(shared), media.path(own)):
        os.utime(path, (clock.now_ms() / 1000, clock.now_ms() / 1000))
    for idem, picture in (("1", shared), ("2", shared), ("3", own)):
        asked = wish(idem)
        await store.submit(replace(asked, params=replace(asked.params, picture=picture)))
    for request_id in (1, 3):
        await store.cancel(request_id, by=MIA)
        await shown(store, request_id)
    clock.pass_s(24 * HOUR_S)
    assert await sweep(store, media, clock) == 0
    assert await store.purge(KEPT) == 2
    assert await sweep(store, media, clock) == 1
    assert (media.verify(shared), media.verify(own)) == (True, False)


async def test_a_lost_film_costs_nothing_and_can_be_asked_for_again(
    store: Store, database: Database, clock: ManualClock
) -> None:
    before = (await store.allowance(MIA, ROOM.community_id)).left_ms
    request_id = (await store.submit(wish("1"))).request_id
    await finish(store, await begin(store))
    assert await store.film_lost(request_id)
    assert not await store.film_lost(request_id)
    status = await store.status(request_id)
    assert (status.state, status.film_lost, status.charged_ms) == (JobState.DONE, True, 0)
    assert (await store.allowance(MIA, ROOM.community_id)).left_ms == before
    assert await violations(database, None) == []
    again = await store.requeue(request_id)
    assert (again.state, again.params) == (JobState.QUEUED, status.params)
    await shown(store, request_id)
    clock.pass_s(24 * HOUR_S)
    assert await store.purge(KEPT) == 1
    assert (await store.status(request_id)).purged
    assert await violations(database, None) == []


async def test_only_a_finished_film_can_be_lost(store: Store) -> None:
    request_id = (await store.submit(wish("1"))).request_id
    assert not await store.film_lost(request_id)
    assert not await store.film_lost(99)
    assert (await store.status(request_id)).charged_ms == 2400


async def test_the_largest_result_is_all_its_files(store: Store) -> None:
    assert await store.largest_result_bytes() == 0
    await done(store)
    result = film(1)
    assert result.gif is not None
    total = result.film.byte_count + result.gif.byte_count + result.poster.byte_count
    assert await store.largest_result_bytes() == total
