"""One person on two platforms: codes that count once and for minutes, and books that still add up."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, ROOM, begin, draw_all, finish, wish

from bot.link import Links
from storage.database import Database
from storage.errors import QuotaExceeded, RequestRejected
from storage.jobs import Member
from storage.store import Store
from storage.store.linking import CODE_LIFE_MS, GUESSES_MAX, GUESSES_MS

HOME = replace(ROOM, platform="telegram", community_id="-100", chat_id="-100")
EVE = Member(platform="telegram", user_id="666", name="Eve")


@pytest.fixture
def links(store: Store) -> Links:
    return Links(store)


async def link(links: Links, one: Member = MIA, other: Member = LEO) -> None:
    await links.redeem(other, (await links.offer(one)).code)


async def refusal(links: Links, member: Member, code: str) -> str:
    with pytest.raises(RequestRejected) as refused:
        await links.redeem(member, code)
    return str(refused.value)


async def test_two_accounts_become_one_person(store: Store, links: Links) -> None:
    await store.submit(wish("d", member=MIA))
    await store.submit(wish("t", member=LEO, place=HOME))
    await link(links)
    for member in (MIA, LEO):
        assert [status.member for status in await store.history(member)] == [LEO, MIA]
        assert await store.owns(1, member)
        assert await store.owns(2, member)


async def test_linked_accounts_have_one_quota_everywhere(store: Store, links: Links) -> None:
    await store.submit(wish("d", member=MIA, duration_ms=99_600))
    await store.submit(wish("t", member=LEO, place=HOME, duration_ms=30_000))
    await link(links)
    # The emptier of the two: linking gives nobody more than they had.
    for member, community in ((MIA, "guild"), (LEO, "-100"), (LEO, "a new one"), (MIA, "another")):
        assert (await store.allowance(member, community)).left_ms == 20_400
    await store.submit(wish("d2", member=MIA, duration_ms=15_600))
    assert (await store.allowance(LEO, "-100")).left_ms == 4_800
    with pytest.raises(QuotaExceeded):
        await store.submit(wish("t2", member=LEO, place=HOME, duration_ms=6_000))
    await store.cancel(3, by=LEO)
    assert (await store.allowance(MIA, "guild")).left_ms == 20_400


async def test_accounts_that_never_asked_for_anything_can_be_linked(store: Store, links: Links) -> None:
    await link(links)
    await store.submit(wish("t", member=LEO, place=HOME, duration_ms=20_400))
    assert (await store.allowance(MIA, "guild")).left_ms == 99_600


async def test_what_is_under_way_goes_on_and_is_settled_once(store: Store, links: Links) -> None:
    await store.submit(wish("d", member=MIA))
    await store.submit(wish("t", member=LEO, place=HOME))
    drawing = await begin(store)
    await link(links)
    await finish(store, drawing)
    other = await begin(store)
    await draw_all(store, other)
    await store.release(other.claim)
    await store.cancel(other.claim.request_id, by=MIA)
    assert {status.charged_ms for status in await store.history(LEO)} == {2400}


async def test_a_code_counts_once(links: Links) -> None:
    code = (await links.offer(MIA)).code
    await links.redeem(LEO, code)
    assert "is not valid" in await refusal(links, EVE, code)


async def test_a_code_may_be_typed_as_people_type(links: Links) -> None:
    code = (await links.offer(MIA)).code
    await links.redeem(LEO, f" {code.lower().replace('-', ' ')} ")


async def test_a_code_expires(links: Links, clock: ManualClock) -> None:
    code = (await links.offer(MIA)).code
    clock.pass_s(CODE_LIFE_MS / 1000)
    assert "10 minut" in await refusal(links, LEO, code)
    assert "is not valid" in await refusal(links, EVE, code)


async def test_a_new_code_takes_the_old_ones_place(links: Links) -> None:
    old, new = (await links.offer(MIA)).code, (await links.offer(MIA)).code
    assert old != new
    assert "is not valid" in await refusal(links, EVE, old)
    await links.redeem(LEO, new)


async def test_a_code_that_others_have_seen_counts_no_more(links: Links) -> None:
    code = (await links.offer(MIA)).code
    await links.spoil(code)
    assert "is not valid" in await refusal(links, EVE, code)


async def test_guessing_ends_after_a_few_tries(links: Links, clock: ManualClock) -> None:
    code = (await links.offer(MIA)).code
    for _ in range(GUESSES_MAX):
        assert "is not valid" in await refusal(links, EVE, "2222-2222-2222")
    assert "too many codes" in await refusal(links, EVE, code)
    # Another one's guesses are their own.
    await links.redeem(LEO, code)
    clock.pass_s(GUESSES_MS / 1000)
    assert "is not valid" in await refusal(links, EVE, code)


async def test_a_code_of_ones_own_platform_is_refused_and_kept(links: Links) -> None:
    code = (await links.offer(LEO)).code
    assert "Telegram too" in await refusal(links, EVE, code)
    await links.redeem(MIA, code)


async def test_nobody_has_two_accounts_of_one_platform(links: Links) -> None:
    await link(links, MIA, LEO)
    assert "linked with somebody" in await refusal(links, EVE, (await links.offer(MIA)).code)
    other = replace(MIA, user_id="42")
    assert "linked with somebody" in await refusal(links, other, (await links.offer(LEO)).code)


async def test_linking_twice_changes_nothing(links: Links) -> None:
    await link(links)
    assert "already" in await refusal(links, MIA, (await links.offer(LEO)).code)


async def test_what_is_stored_of_a_code_does_not_give_it_away(links: Links, database: Database) -> None:
    code = (await links.offer(MIA)).code
    stored = await database.read(lambda db: db.execute(text("SELECT sha256 FROM link_code")).scalar_one())
    assert len(stored) == 64
    assert code.replace("-", "") not in stored


async def test_of_two_who_send_a_code_at_once_one_is_linked(links: Links) -> None:
    code = (await links.offer(MIA)).code
    came = await asyncio.gather(*(links.redeem(one, code) for one in (LEO, EVE)), return_exceptions=True)
    assert sorted(type(it).__name__ for it in came) == ["NoneType", "RequestRejected"]


async def test_erasing_one_account_erases_the_person(store: Store, links: Links) -> None:
    await store.submit(wish("d", member=MIA))
    await store.submit(wish("t", member=LEO, place=HOME))
    await link(links)
    await links.offer(MIA)
    erased = await store.erase(LEO)
    assert erased.requests == (1, 2)
    assert await store.history(MIA) == []
