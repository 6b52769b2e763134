"""A chat under another number: requests, accounts and counters go along, settings find their way back."""

from __future__ import annotations

from dataclasses import replace

from storagekit.films import LEO, begin, draw_all, film, wish

from bot.link import Links
from storage.jobs import JobState, Member, Place
from storage.store import Store

OLD = Place(platform="telegram", community_id="-4", chat_id="-4")
NEW = Place(platform="telegram", community_id="-1004", chat_id="-1004")
MIA = Member(platform="telegram", user_id="18", name="Mia")


async def move(store: Store) -> bool:
    return await store.move_chat("telegram", "-4", "-1004")


async def test_open_and_finished_films_go_along(store: Store) -> None:
    for number in range(3):
        await store.submit(wish(f"t{number}", member=LEO, place=OLD))
    job = await begin(store)
    await draw_all(store, job)
    assert await move(store)
    await store.complete(job.claim, film(1))
    assert {status.place for status in await store.history(LEO)} == {NEW}
    allowance = await store.allowance(LEO, "-1004")
    assert (allowance.left_ms, allowance.queued) == (120_000 - 3 * 2400, 2)
    status = await store.cancel(2, by=LEO, place=NEW)
    assert status.state is JobState.CANCELLED


async def test_who_has_asked_under_both_numbers_has_one_account_afterwards(store: Store) -> None:
    await store.submit(wish("old", member=LEO, place=OLD, duration_ms=50_400))
    await store.submit(wish("new", member=LEO, place=NEW, duration_ms=9_600))
    await store.submit(wish("other", member=MIA, place=OLD))
    assert await move(store)
    allowance = await store.allowance(LEO, "-1004")
    assert (allowance.left_ms, allowance.queued) == (60_000, 2)
    assert (await store.allowance(MIA, "-1004")).queued == 1
    await store.cancel(1, by=LEO)
    assert (await store.allowance(LEO, "-1004")).queued == 1


async def test_a_move_that_is_told_twice_is_made_once(store: Store) -> None:
    await store.submit(wish("t", member=LEO, place=OLD))
    assert await move(store)
    assert not await move(store)
    assert not await store.move_chat("telegram", "-7", "-7")


async def test_another_platforms_chat_of_the_same_number_stays(store: Store) -> None:
    await store.submit(wish("d", member=replace(LEO, platform="discord"), place=replace(OLD, platform="discord")))
    assert await move(store)
    assert (await store.status(1)).place.chat_id == "-4"


async def test_former_numbers_are_known(store: Store) -> None:
    await move(store)
    assert await store.former_chats("telegram", "-1004") == ("-4",)
    assert await store.former_chats("telegram", "-4") == ()
    assert await store.former_chats("discord", "-1004") == ()


async def test_a_linked_persons_bucket_outlives_the_move(store: Store) -> None:
    links = Links(store)
    discord = Member(platform="discord", user_id="9", name="Leo")
    await store.submit(wish("old", member=LEO, place=OLD, duration_ms=50_400))
    await store.submit(wish("new", member=LEO, place=NEW, duration_ms=9_600))
    await links.redeem(discord, (await links.offer(LEO)).code)
    await move(store)
    assert (await store.allowance(discord, "guild")).left_ms == 60_000
