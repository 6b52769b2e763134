"""Groups that become supergroups, commands in groups and in private, linked accounts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chatkit.telegram import Standing, TelegramKit, samples
from telegramkit.site import ASK, PROMPT, Site, is_film, labels, member, settings_for, site

from storage.jobs import JobState, Member


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with TelegramKit.open() as kit, site(tmp_path / "data", kit) as found:
        yield found


async def test_a_group_that_becomes_a_supergroup_takes_its_films_along(here: Site) -> None:
    small = here.kit.group("Den", here.mia, here.ben, bot=Standing.ADMIN)
    await here.asked(where=small)
    await here.asked(where=small)
    large = here.kit.upgrade(small)
    await here.kit.settled()
    film = await here.drawn(large)
    assert is_film(film)
    assert {status.place.community_id for status in await here.requests()} == {str(large.id)}
    here.mia.says(large, "/cancel 2")
    await here.says(large, "is cancelled")
    allowance = await here.work.store.allowance(member(here.mia), str(large.id))
    # It fills again while the test runs, by a millisecond each second and a half.
    assert 0 <= allowance.left_ms - (120_000 - 2400) < 100


async def test_a_film_that_moved_along_answers_no_stranger(here: Site) -> None:
    """The supergroup numbers its messages anew: the one that asked is another one's number there."""
    small = here.kit.group("Den", here.mia, here.ben, bot=Standing.ADMIN)
    asked = here.mia.sends_photo(small, samples.picture(), ASK)
    await here.says(small, "Queued")
    large = here.kit.upgrade(small)
    while here.ben.says(large, "so many words").id < asked.id:
        pass
    await here.kit.settled()
    film = await here.drawn(large)
    assert film.reply_to is None


async def test_a_move_is_learnt_from_a_refusal_too(here: Site) -> None:
    """Telegram's message about it may be lost or late: a call to the old number says so as well."""
    small = here.kit.group("Den", here.mia, here.ben, bot=Standing.ADMIN)
    await here.asked(where=small)
    large = here.kit.upgrade(small)
    here.kit.feed.pending.clear()
    await here.drawn(large)
    assert (await here.status()).place.chat_id == str(large.id)


async def test_a_groups_settings_hold_under_its_new_number(tmp_path: Path) -> None:
    async with TelegramKit.open() as kit:
        mia = kit.person("Mia")
        small = kit.group("Den", mia, bot=Standing.ADMIN)
        settings = settings_for(tmp_path / "data", kit, community={str(small.id): {"form": "gif"}})
        async with site(tmp_path / "data", kit, settings=settings) as here:
            large = kit.upgrade(small)
            await kit.settled()
            await here.asked(mia, large)
            await here.drawn(large)
            names = [it.filename for it in kit.called("editMessageMedia")[-1].call.uploads.values()]
            assert names == ["film-1.gif", "still.jpg"]


async def test_the_queue_shows_what_waits_here(here: Site) -> None:
    await here.asked(caption="/animate in the cave 1s")
    await here.asked(here.ben, here.ben.private, "/animate at home 1s")
    here.ben.says(here.cave, "/queue")
    page = await here.says(here.cave, "in the cave", besides=set(here.cave.from_bot))
    assert "at home" not in page.text
    assert "Mia" in page.text


async def test_the_quota_is_said(here: Site) -> None:
    await here.asked(caption="/animate x 24s")
    here.mia.says(here.cave, "/quota")
    await here.says(here.cave, "96 s")


async def test_a_request_beyond_the_quota_is_refused_with_a_way_out(here: Site) -> None:
    await here.asked(caption="/animate x 118s")
    here.mia.sends_photo(here.cave, samples.picture(), "/animate y 4s")
    answer = await here.says(here.cave, "2.4 s of video left")
    assert "try 2.4 s" in answer.text


async def test_cancel_takes_the_only_film_the_answered_one_or_a_number(here: Site) -> None:
    here.mia.says(here.cave, "/cancel")
    await here.says(here.cave, "no film here")
    first = await here.asked()
    here.mia.says(here.cave, "/cancel")
    await here.says(here.cave, "Film 1 is cancelled")
    second = await here.asked()
    await here.asked()
    here.mia.says(here.cave, "/cancel")
    which = await here.says(here.cave, "Which one? /cancel 2, /cancel 3")
    stranger = here.kit.person("Zoe")
    here.kit.set_standing(here.cave, stranger, Standing.MEMBER)
    refused = stranger.clicks(which, "Cancel 3")
    assert (await here.kit.until(lambda: refused.answer))["show_alert"]
    here.mia.says(here.cave, "/cancel", reply_to=second)
    await here.says(here.cave, "Film 2 is cancelled")
    await here.asked()
    here.mia.clicks(which, "Cancel 3")
    await here.settled(lambda: ended(here, 3))
    here.mia.says(here.cave, "/cancel 4")
    await here.says(here.cave, "Film 4 is cancelled")
    here.mia.says(here.cave, "/cancel 999")
    await here.says(here.cave, "no film number 999")
    assert first.text != second.text or first.deleted is second.deleted
    assert {status.state for status in await here.requests()} == {JobState.CANCELLED}


async def ended(here: Site, request_id: int) -> bool:
    return (await here.status(request_id)).state.terminal


async def test_help_and_privacy_answer(here: Site) -> None:
    here.mia.starts()
    await here.says(here.mia.private, "I animate pictures")
    here.mia.says(here.mia.private, "/help")
    await here.kit.until(lambda: len(here.mia.private.from_bot) == 2)
    here.mia.says(here.mia.private, "/privacy")
    await here.says(here.mia.private, "24 h")


async def code(here: Site) -> str:
    here.mia.says(here.mia.private, "/link")
    shown = await here.says(here.mia.private, "Your code")
    found = re.search(r"(\w{4}-){2}\w{4}", shown.text)
    assert found is not None
    return found[0]


async def test_a_code_from_telegram_links_a_discord_account(here: Site) -> None:
    await here.asked()
    discord = Member(platform="discord", user_id="99", name="mia")
    await here.desk.links.redeem(discord, await code(here))
    assert [status.request_id for status in await here.desk.history(discord)] == [1]


async def test_a_code_from_discord_links_the_telegram_account(here: Site) -> None:
    offer = await here.desk.links.offer(Member(platform="discord", user_id="99", name="mia"))
    here.mia.says(here.mia.private, f"/link {offer.code}")
    await here.says(here.mia.private, "share one quota and one history")
    here.ben.says(here.ben.private, f"/link {offer.code}")
    await here.says(here.ben.private, "is not valid")


async def test_a_code_in_a_group_is_spoilt(here: Site) -> None:
    offer = await here.desk.links.offer(Member(platform="discord", user_id="99", name="mia"))
    here.mia.says(here.cave, f"/link {offer.code}")
    refused = await here.says(here.cave, "between you and me")
    assert labels(refused) == ["Ask in private"]
    here.mia.says(here.mia.private, f"/link {offer.code}")
    await here.says(here.mia.private, "is not valid")


async def test_a_reroll_by_reaction_credits_both(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.ben.reacts(film, "⚡")
    await here.says(here.cave, PROMPT, besides={film})
    again = await here.drawn(besides={film})
    assert "Mia" in again.text
    assert "Ben" in again.text


async def test_where_the_bot_is_no_admin_films_have_buttons_all_the_same(here: Site) -> None:
    here.kit.set_standing(here.cave, here.kit.bot, Standing.MEMBER)
    here.mia.sends_photo(here.cave, samples.picture(), ASK)
    film_or_status = await here.says(here.cave, "🎬")
    assert labels(film_or_status)
