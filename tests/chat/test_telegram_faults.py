"""What goes wrong on the way to Telegram and back: never a second film, never a loss, nobody else held up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chatkit.telegram import TelegramKit, faults, samples
from discordkit.films import draw_heavy
from telegramkit.site import ASK, Site, is_film, site

from storage.jobs import JobState


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with TelegramKit.open() as kit, site(tmp_path / "data", kit) as found:
        yield found


def films(here: Site) -> int:
    return sum(is_film(message) for message in here.cave.from_bot)


@pytest.mark.parametrize("after_work", [False, True], ids=["before the work", "after the work"])
@pytest.mark.parametrize("method", ["sendMessage", "editMessageMedia", "deleteMessage"])
async def test_a_bad_gateway_on_the_way_to_the_film(here: Site, method: str, after_work: bool) -> None:
    await here.asked()
    here.kit.faults.add(faults.bad_gateway(method, after_work=after_work))
    await here.drawn()
    assert films(here) == 1
    await here.kit.until(lambda: all(map(is_film, here.cave.from_bot)))


async def test_answers_that_are_lost_for_long_leave_one_status_and_one_line_at_most(here: Site) -> None:
    """Telegram works, and nothing that it says arrives: whatever is tried again would stand once more."""
    here.kit.faults.add(faults.bad_gateway("*", after_work=True, times=1_000, chat_id=here.cave.id))
    here.mia.sends_photo(here.cave, samples.picture(), ASK)
    await here.kit.until(lambda: here.kit.called("sendChatAction"))
    here.kit.faults.clear()
    await here.says(here.cave, "Queued", besides=set(here.cave.from_bot))
    assert len(here.cave.from_bot) == 2
    here.kit.faults.add(faults.bad_gateway("*", after_work=True, times=1_000, chat_id=here.cave.id))
    await here.work.draw_next()
    before = len(here.kit.called("sendChatAction"))
    await here.kit.until(lambda: len(here.kit.called("sendChatAction")) > before)
    here.kit.faults.clear()
    await here.film()
    await here.quiet(1)
    # Nor do these stay, once Telegram can be heard.
    await here.kit.until(lambda: len(here.cave.from_bot) == 1)
    assert films(here) == 1


LOST = {
    "500": lambda method: faults.refuse(method, 500, "Internal Server Error", after_work=True),
    "abort": lambda method: faults.abort(method, after_work=True),
}


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("method", ["sendPhoto", "sendMessage"])
async def test_what_was_done_though_nobody_heard_so_leaves_nothing_behind(here: Site, method: str, how: str) -> None:
    """A second status, an empty line."""
    here.kit.faults.add(LOST[how](method))
    here.mia.says(here.cave, "talk between")
    here.mia.sends_photo(here.cave, samples.picture(), ASK)
    await here.says(here.cave, "Queued")
    here.ben.says(here.cave, "more talk")
    await here.work.draw_next()
    film = await here.film()
    await here.quiet(1)
    await here.kit.until(lambda: here.cave.from_bot == [film])
    # Nobody else's message was touched, nor the buttons of the film.
    assert [it.text for it in here.cave.shown if not it.by_tested_bot] == ["talk between", ASK, "more talk"]
    assert film.buttons


@pytest.mark.parametrize("method", ["editMessageCaption", "editMessageMedia"])
async def test_what_may_not_be_edited_gives_way_to_its_successor(here: Site, method: str) -> None:
    here.kit.faults.add(faults.refuse(method, 400, "Bad Request: message can't be edited"))
    await here.asked()
    job = await here.work.start()
    await here.says(here.cave, "Warming up")
    await here.work.finish(job)
    film = await here.film()
    await here.quiet(1)
    assert here.cave.from_bot == [film]


async def test_a_removal_that_fails_once_is_owed_until_it_is_gone(here: Site) -> None:
    here.kit.faults.add(faults.refuse("deleteMessage", 400, "Bad Request: message can't be deleted", times=2))
    status = await here.asked()
    await here.drawn()
    assert status.deleted


@pytest.mark.parametrize("method", ["sendPhoto", "getFile", "getUpdates", "answerCallbackQuery"])
async def test_a_line_that_breaks_is_gone_on_with(here: Site, method: str) -> None:
    here.kit.faults.add(faults.abort(method))
    status = await here.asked()
    film = await here.drawn()
    here.mia.clicks(film, "Hide")
    await here.kit.until(lambda: film.media is not None and film.media.spoiler)
    assert films(here) == 1
    assert status.deleted


async def test_a_flood_wait_pauses_its_chat_alone(here: Site) -> None:
    here.kit.faults.add(faults.flood_wait("sendPhoto", 600, chat_id=here.cave.id))
    here.mia.sends_photo(here.cave, samples.picture(), ASK)
    await here.kit.until(lambda: here.kit.called("sendPhoto"))
    await here.asked(here.ben, here.ben.private)
    assert not here.cave.from_bot


async def test_a_flood_wait_is_kept_and_then_gone_on_from(here: Site) -> None:
    """Whoever writes before its time has passed breaks a rule of the stand-in's."""
    here.kit.faults.add(faults.flood_wait("sendPhoto", 1, chat_id=here.cave.id))
    await here.asked()


async def test_not_modified_is_as_good_as_done(here: Site) -> None:
    status = await here.asked()
    said = "Bad Request: message is not modified: specified new message content and reply markup are exactly the same"
    here.kit.faults.add(faults.refuse("editMessageCaption", 400, said))
    await here.drawn()
    assert status.deleted


async def test_a_status_that_somebody_deleted_is_posted_anew(here: Site) -> None:
    status = await here.asked()
    here.ben.deletes(status)
    job = await here.work.start()
    again = await here.says(here.cave, "Warming up", besides={status})
    await here.work.finish(job)
    await here.film()
    await here.kit.until(lambda: again.deleted)


async def test_a_line_that_somebody_deleted_is_begun_anew(here: Site) -> None:
    await here.asked()
    gone = "Bad Request: message to edit not found"
    here.kit.faults.add(faults.refuse("editMessageMedia", 400, gone))
    await here.drawn()
    assert films(here) == 1


async def test_a_film_that_is_too_large_goes_down_the_ladder(here: Site) -> None:
    await here.asked(caption="/animate noise 0.6s")
    here.kit.faults.add(faults.refuse("editMessageMedia", 413, "Request Entity Too Large"))
    await draw_heavy(here.work)
    film = await here.film()
    sizes = [
        sum(len(upload.data) for upload in exchange.call.uploads.values())
        for exchange in here.kit.called("editMessageMedia")
    ]
    assert sizes[-1] < 0.85 * sizes[0]
    # Of the file that was taken at last, not of the one that was drawn.
    assert film.media is not None
    assert film.media.claims["width"] == film.media.file.width
    assert film.media.claims["height"] == film.media.file.height
    assert film.media.thumbnail is not None
    assert len(film.text.splitlines()) > 1, "what was reduced is said"


async def test_a_photo_that_has_expired_leaves_a_status_of_words(here: Site) -> None:
    here.kit.faults.add(faults.refuse("sendPhoto", 400, "Bad Request: wrong file identifier/HTTP URL specified"))
    status = await here.asked()
    assert status.kind == "text"
    await here.drawn()
    assert status.deleted


async def test_a_second_poller_is_named_and_waited_out(here: Site, caplog: pytest.LogCaptureFixture) -> None:
    here.kit.faults.add(faults.conflict(times=2))
    await here.asked()
    assert "another program asks Telegram for this bot's updates" in caplog.text
    assert not here.running.done()


async def test_a_bot_that_was_blocked_keeps_the_film(here: Site) -> None:
    await here.asked(where=here.mia.private)
    here.mia.blocks()
    await here.work.draw_next()
    await here.quiet(1)
    status = await here.status()
    assert (status.state, status.unreached) == (JobState.DONE, True)
    here.mia.unblocks()
    here.mia.says(here.mia.private, "/history")
    page = await here.says(here.mia.private, "Your films")
    here.mia.clicks(page, "Post 1")
    await here.film(here.mia.private)


async def test_a_bot_that_was_kicked_tells_the_member_in_private(here: Site) -> None:
    here.mia.starts()
    await here.says(here.mia.private, "I animate")
    await here.asked()
    here.ben.kicks_bot(here.cave)
    await here.work.draw_next()
    await here.quiet(1)
    told = await here.says(here.mia.private, "the fox turns its head")
    assert "history" in told.text.lower()


async def test_rights_that_went_after_the_request_keep_the_film(here: Site) -> None:
    await here.asked()
    no_rights = "Bad Request: not enough rights to send videos to the chat"
    here.kit.faults.add(faults.refuse("editMessageMedia", 400, no_rights))
    await here.work.draw_next()
    await here.quiet(1)
    assert (await here.status()).unreached


async def test_updates_that_are_redelivered_change_nothing(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.ben.clicks(film, "⚡")
    await here.says(here.cave, "Queued")
    here.kit.feed.redeliver()
    await here.kit.settled()
    assert len(await here.requests()) == 2


async def test_an_update_is_acknowledged_when_it_is_committed_and_not_before(here: Site) -> None:
    """The store holds the request before Telegram is told to forget the update."""
    await here.asked()
    await here.kit.settled()
    number = here.kit.feed.handed_out[-1]["update_id"]
    polls = [exchange.call for exchange in here.kit.called("getUpdates")]
    assert any(call.get("offset") == number for call in polls), "asked again while it was open"
