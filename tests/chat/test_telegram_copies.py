"""Films posted again from the history: known as what they are, wherever their owner wanted them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chatkit.telegram import Click, Message, TelegramKit, faults
from telegramkit.site import Site, is_film, member, site

from storage.errors import DatabaseBusy
from storage.jobs import Member, MessageRef


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with TelegramKit.open() as kit, site(tmp_path / "data", kit) as found:
        await found.asked()
        await found.drawn()
        yield found
        await kit.until(lambda: not kit.unanswered())


async def chosen(here: Site) -> Click:
    here.mia.says(here.mia.private, "/history")
    page = await here.says(here.mia.private, "Your films")
    return here.mia.clicks(page, "Post 1")


async def said(here: Site, click: Click) -> str:
    answer = await here.kit.until(lambda: click.answer)
    assert answer is not None
    return str(answer["text"])


async def copied(here: Site) -> Message:
    assert await said(here, await chosen(here)) == "Film 1 has been posted again."
    return await here.film(here.mia.private)


async def test_a_copy_does_what_the_film_does(here: Site) -> None:
    copy = await copied(here)
    assert await said(here, here.mia.clicks(copy, "Another seed")) == "🎬 Added to the queue: film 2."
    again = await here.drawn(here.mia.private, besides={copy})
    assert again.reply_to is copy
    here.mia.says(here.mia.private, "the fox yawns", reply_to=copy)
    await here.says(here.mia.private, "the fox yawns")


async def test_a_film_is_covered_and_deleted_wherever_it_stands(here: Site) -> None:
    film = await here.film()
    copy = await copied(here)
    here.ben.clicks(film, "Hide")
    both = (film, copy)
    await here.kit.until(lambda: all(it.media is not None and it.media.spoiler for it in both))
    assert await said(here, here.mia.clicks(film, "Delete")) == "🗑 Film 1 has been deleted."
    await here.kit.until(lambda: film.deleted and copy.deleted)


async def test_a_copy_on_discord_is_the_relays_to_take_away(here: Site) -> None:
    film = await here.film()
    mia = Member(platform="discord", user_id="99", name="mia")
    offer = await here.desk.links.offer(mia)
    await here.desk.links.redeem(member(here.mia), offer.code)
    there = MessageRef(platform="discord", chat_id="70", message_id="71")
    await here.work.store.copy_posted(1, there, (await here.status()).rev)
    assert await said(here, here.mia.clicks(film, "Delete")) == "🗑 Film 1 has been deleted."
    await here.kit.until(lambda: film.deleted)
    await here.settled(lambda: still_stands(here, there))
    assert {exchange.call.get("chat_id") for exchange in here.kit.called("deleteMessage")} == {here.cave.id}


async def still_stands(here: Site, ref: MessageRef) -> bool:
    return await here.desk.delete(1, member(here.mia)) == (ref,)


async def test_a_copy_that_is_not_taken_leaves_no_line(here: Site) -> None:
    refused = "Bad Request: not enough rights to send videos to the chat"
    here.kit.faults.add(faults.refuse("editMessageMedia", 400, refused))
    assert await said(here, await chosen(here)) == "Telegram does not let me send film 1 here."
    await here.kit.until(lambda: not [it for it in here.mia.private.from_bot if "✨" in it.text])
    assert not any(is_film(it) for it in here.mia.private.from_bot)


async def test_a_copy_that_fails_in_a_way_that_nobody_foresaw_leaves_no_line_either(here: Site) -> None:
    here.kit.faults.add(faults.refuse("editMessageMedia", 400, "Bad Request: something new"))
    assert "went wrong" in await said(here, await chosen(here))
    await here.kit.until(lambda: not [it for it in here.mia.private.from_bot if "✨" in it.text])


async def test_a_line_that_cannot_be_written_down_is_taken_away(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_args: object) -> None:
        raise DatabaseBusy("another program holds the database")

    monkeypatch.setattr(here.desk, "posted_again", away)
    await said(here, await chosen(here))
    await here.kit.until(lambda: not [it for it in here.mia.private.from_bot if "✨" in it.text])
    assert len(here.kit.called("deleteMessage")) == 2, "the status of the film, and the line"
