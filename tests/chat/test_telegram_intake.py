"""What people send that is no picture, too large, gone, nobody's, or strange: one answer each, nothing charged."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from chatkit.telegram import Download, Message, Standing, TelegramKit, faults, samples
from telegramkit.site import ASK, AT_ONCE, PROMPT, Site, settings_for, site

from bot.telegram.budget import Budget, Priority
from bot.telegram.repeat import TRIES
from bot.telegram.uploads import UPLOADS_AT_ONCE
from storage.settings import IntakeSettings


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with TelegramKit.open() as kit, site(tmp_path / "data", kit) as found:
        yield found


async def refused(here: Site, words: str) -> Message:
    """The answer has these words, and nothing was stored."""
    answer = await here.says(here.cave, words)
    assert await here.requests() == []
    return answer


@pytest.mark.parametrize(
    "send",
    [
        lambda here: here.mia.sends_video(here.cave, ASK),
        lambda here: here.mia.says(here.cave, ASK, reply_to=here.mia.sends_video(here.cave)),
        lambda here: here.mia.sends_voice(here.cave, ASK),
    ],
    ids=["video", "reply to a video", "voice"],
)
async def test_what_is_no_picture_is_refused(here: Site, send: Callable[[Site], Message]) -> None:
    asked = send(here)
    answer = await refused(here, "not a picture I can animate")
    assert answer.reply_to is asked


async def test_a_sticker_that_moves_by_itself_is_refused_by_its_name(here: Site) -> None:
    here.mia.says(here.cave, ASK, reply_to=here.mia.sends_sticker(here.cave, animated=True))
    await refused(here, "Animated stickers of this kind cannot be read")


async def test_a_still_sticker_is_a_picture(here: Site) -> None:
    here.mia.says(here.cave, ASK, reply_to=here.mia.sends_sticker(here.cave))
    await here.says(here.cave, "Queued")
    await here.drawn()


@pytest.mark.parametrize("mime", ["application/octet-stream", "", "application/pdf"])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
async def test_a_file_is_what_its_bytes_say_and_not_its_type(here: Site, mime: str, form: str) -> None:
    here.mia.sends_document(here.cave, samples.picture(form=form), ASK, name="fox.bin", mime=mime)
    await here.says(here.cave, "Queued")


async def test_a_file_that_is_no_picture_is_refused_once_it_is_read(here: Site) -> None:
    here.mia.sends_document(here.cave, b"%PDF-1.7" + bytes(2000), ASK, name="a.pdf", mime="application/pdf")
    await here.kit.until(lambda: here.cave.from_bot)
    assert await here.requests() == []


async def test_what_is_sent_as_a_gif_gives_its_first_picture(here: Site) -> None:
    here.mia.sends_gif(here.cave, ASK)
    await here.says(here.cave, "Queued")
    await here.drawn()


async def test_a_file_of_25_megabytes_is_refused_before_it_is_fetched(here: Site) -> None:
    here.mia.sends_document(here.cave, None, ASK, name="big.png", mime="image/png", size=25_000_000)
    await refused(here, "larger than the 20 MB")
    assert not here.kit.called("getFile")


async def test_a_file_that_lies_about_its_kind_is_found_out(here: Site) -> None:
    here.mia.sends_document(here.cave, b"<html>no</html>" * 20, ASK, name="fox.png", mime="image/png")
    await here.kit.until(lambda: here.cave.from_bot)
    assert await here.requests() == []


async def test_heic_is_refused_with_a_way_out(here: Site) -> None:
    heic = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(64)
    here.mia.sends_document(here.cave, heic, ASK, name="fox.heic", mime="image/heic")
    await refused(here, "HEIC")


async def test_a_file_that_has_expired_is_no_reason_to_stop(here: Site) -> None:
    picture = here.ben.sends_photo(here.cave)
    assert picture.media is not None
    for size in (picture.media.file, *picture.media.sizes):
        size.expired = True
    here.mia.says(here.cave, ASK, reply_to=picture)
    await refused(here, "no longer has this file")
    assert not here.running.done()
    await here.asked()


@pytest.mark.parametrize("download", [Download.MISSING, Download.HTML, Download.ABORT, Download.SHORT])
async def test_a_download_that_goes_wrong_again_and_again_is_said(here: Site, download: Download) -> None:
    here.kit.faults.downloads += [download] * (1 if download in (Download.MISSING, Download.HTML) else TRIES)
    here.mia.sends_photo(here.cave, samples.picture(), ASK)
    await here.kit.until(lambda: here.cave.from_bot)
    assert await here.requests() == []
    assert not here.running.done()
    await here.asked()


async def test_only_so_many_pictures_are_in_memory_until_their_requests_are_committed(here: Site) -> None:
    people = [here.kit.person(f"P{number}") for number in range(3 * UPLOADS_AT_ONCE)]
    free = threading.Event()
    # Somebody else writes: what is fetched and read waits for its commit.
    writing = asyncio.create_task(here.work.database.write(lambda _: free.wait()))
    try:
        for person in people:
            person.sends_photo(person.private, samples.picture(), ASK)
        await here.kit.until(lambda: len(here.kit.called("getFile")) >= UPLOADS_AT_ONCE)
        polls = len(here.kit.called("getUpdates"))
        await here.kit.until(lambda: len(here.kit.called("getUpdates")) > polls + 20)
        assert len(here.kit.called("getFile")) == UPLOADS_AT_ONCE
    finally:
        free.set()
        await writing
    for person in people:
        await here.says(person.private, "Queued")


@pytest.mark.parametrize("download", [Download.ABORT, Download.SHORT])
async def test_a_download_that_goes_wrong_once_is_made_again(here: Site, download: Download) -> None:
    here.kit.faults.downloads.append(download)
    await here.asked()


@pytest.mark.parametrize(
    "fault",
    [
        faults.flood_wait("getFile", 1),
        faults.bad_gateway("getFile", times=2),
        faults.refuse("getFile", 500, "Internal Server Error"),
        faults.abort("getFile", times=2),
    ],
    ids=["flood wait", "bad gateway", "500", "abort"],
)
async def test_a_question_that_fails_is_asked_again(here: Site, fault: faults.Fault) -> None:
    here.kit.faults.add(replace(fault))
    await here.asked()


async def test_a_flood_wait_does_not_call_the_file_gone(here: Site) -> None:
    here.kit.faults.add(faults.flood_wait("getFile", 60))
    here.mia.sends_photo(here.cave, samples.picture(), ASK)
    await refused(here, "could not download the picture from Telegram; please try again")


async def test_an_endless_download_is_cut_off(tmp_path: Path) -> None:
    async with TelegramKit.open() as kit:
        settings = settings_for(tmp_path / "data", kit, intake=IntakeSettings(upload_bytes_max=300_000))
        async with site(tmp_path / "data", kit, settings=settings) as here:
            kit.faults.downloads.append(Download.ENDLESS)
            here.mia.sends_photo(here.cave, samples.picture(), ASK)
            await refused(here, "larger than the 0.3 MB")


async def test_a_caption_of_1024_characters(here: Site) -> None:
    await here.asked(caption=f"/animate {'x' * 1015}")
    assert len((await here.status()).params.prompt) == 1015
    film = await here.drawn()
    assert len(film.text) <= 1024


async def test_a_message_of_4096_characters_is_refused_by_the_rule_for_prompts(here: Site) -> None:
    picture = here.ben.sends_photo(here.cave)
    here.mia.says(here.cave, f"/animate {'x' * 4087}", reply_to=picture)
    await refused(here, "4087 characters")


async def test_right_to_left_and_invisible_text(here: Site) -> None:
    await here.asked(caption="/animate הַשּׁוּעָל\u200b \u202eמסתובב\u2066 5s")
    status = await here.status()
    assert "\u200b" not in status.params.prompt
    assert "\u202e" not in status.params.prompt
    assert status.params.duration_ms == 4800


async def test_words_of_members_call_nobody(here: Site) -> None:
    status = await here.asked(caption="/animate wake @ben_000 and /cancel #now <b>bold</b> *x* 2.4s")
    assert "@ben_000" not in status.text
    assert "/cancel" not in status.text
    assert "<b>bold</b> *x*" in status.text
    assert not status.content.entities


async def test_a_channel_and_an_anonymous_admin_are_nobody_to_charge(here: Site) -> None:
    channel = here.kit.channel("News", here.ben)
    for voice in (here.cave, channel):
        here.ben.sends_photo(here.cave, None, ASK, as_chat=voice)
        await here.says(here.cave, "write as yourself", besides=set(here.cave.from_bot))
    assert await here.requests() == []


async def test_a_refusal_for_which_a_group_has_no_room_is_said_in_private(tmp_path: Path) -> None:
    tight = replace(AT_ONCE, group=Budget(13, 60.0))
    async with TelegramKit.open() as kit, site(tmp_path / "data", kit, budgets=tight) as here:
        here.mia.starts()
        await here.says(here.mia.private, "I animate")
        for _ in range(tight.group_count(Priority.STATE) + 1):
            here.mia.sends_voice(here.cave, ASK)
        await here.says(here.mia.private, "not a picture I can animate")
        assert len(here.cave.from_bot) == tight.group_count(Priority.STATE)


async def test_another_bot_is_not_heard(here: Site) -> None:
    robot = here.kit.person("Robot", is_bot=True)
    here.kit.set_standing(here.cave, robot, Standing.MEMBER)
    robot.sends_photo(here.cave, None, ASK)
    here.mia.says(here.cave, "/queue")
    await here.kit.until(lambda: here.cave.from_bot)
    assert await here.requests() == []
    assert len(here.cave.from_bot) == 1


async def test_options_that_are_wrong_are_refused_with_their_rule(here: Site) -> None:
    for caption, words in (
        ("/animate x 999 seconds", "is not a valid length"),
        ("/animate x seed 99999999999999", "seed"),
    ):
        here.mia.sends_photo(here.cave, samples.picture(), caption)
        await here.says(here.cave, words)
    assert await here.requests() == []


async def test_where_the_bot_may_not_send_media_nothing_is_accepted(here: Site) -> None:
    without = frozenset({"can_send_photos", "can_send_videos", "can_send_other_messages"})
    here.kit.set_standing(here.cave, here.kit.bot, Standing.RESTRICTED, without=without)
    here.ben.sends_photo(here.cave, samples.picture(), f"/animate@{here.kit.bot.username} {PROMPT}")
    await refused(here, "Send photos, Send videos, Send stickers and GIFs")
    here.kit.set_standing(here.cave, here.kit.bot, Standing.ADMIN)
    await here.asked()
