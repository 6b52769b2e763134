"""The main flow on Telegram: from the picture to the film, and what can be done with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from botkit.house import gif
from chatkit.telegram import Message, Standing, TelegramKit, samples
from telegramkit.site import ASK, PROMPT, Site, labels, site

from storage.jobs import JobState


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with TelegramKit.open() as kit, site(tmp_path / "data", kit) as found:
        yield found


async def test_a_photo_with_a_caption_becomes_a_film(here: Site) -> None:
    asked = here.mia.sends_photo(here.cave, samples.picture(640, 480), ASK)
    status = await here.says(here.cave, "🎬")
    assert status.kind == "photo"
    assert status.reply_to is asked
    assert not here.kit.called("sendPhoto")[0].call.uploads, "the photo goes by its file_id"
    film = await here.drawn()
    assert status.deleted
    assert film.kind == "animation"
    assert PROMPT in film.text
    assert film.reply_to is asked
    assert [it.text for it in film.past] == ["✨ Mia, your film is here…"]
    (mention,) = film.content.entities
    assert (mention["type"], mention["user"]["id"]) == ("text_mention", here.mia.id)
    assert (await here.status()).state is JobState.DONE
    assert [it.text for it in here.cave.from_bot] == [film.text]


async def test_a_reply_to_a_picture_animates_it(here: Site) -> None:
    picture = here.ben.sends_photo(here.cave)
    here.mia.says(here.cave, f"/animate@{here.kit.bot.username} {PROMPT} 1.2 s seed 7", reply_to=picture)
    await here.says(here.cave, PROMPT)
    params = (await here.status()).params
    assert (params.prompt, params.duration_ms, params.seed) == (PROMPT, 1200, 7)
    film = await here.drawn()
    assert film.text.startswith("Mia: ✨")


@pytest.mark.parametrize("command", [True, False])
async def test_options_count_in_a_reply_to_a_film(here: Site, command: bool) -> None:
    await here.asked(where=here.mia.private)
    film = await here.drawn(here.mia.private)
    words = "faster please 3.6s seed 7 gif spoiler style lively"
    here.mia.says(here.mia.private, f"/animate {words}" if command else words, reply_to=film)
    await here.says(here.mia.private, "“faster please” · 3.6 s · seed 7 · style lively · GIF · spoiler")
    again = await here.drawn(here.mia.private, besides={film})
    assert again.media is not None
    assert again.media.spoiler
    uploads = here.kit.called("editMessageMedia")[-1].call.uploads
    assert [upload.filename for upload in uploads.values()] == ["film-2.gif", "still.jpg"]


async def test_a_decade_is_no_length_and_the_member_is_told(here: Site) -> None:
    here.mia.sends_photo(here.cave, samples.picture(), "/animate 80s anime style")
    await here.says(here.cave, "“80s anime style” · 4.8 s")
    await here.says(here.cave, "not as an option: “80s”")


async def test_no_members_words_are_live_in_any_message_of_ours(here: Site) -> None:
    live = "see t.me/evil evil.example @evilbot /history +39 333 123 4567"
    await here.asked(caption=f"/animate {live}")
    here.mia.says(here.cave, "/queue")
    await here.says(here.cave, "Being drawn")
    film = await here.drawn()
    here.mia.says(here.mia.private, "/history")
    here.mia.sends_photo(here.cave, samples.picture(), "/animate the fox --seed t.me/evil style=evil.example 3s")
    await here.says(here.mia.private, "Your films")
    await here.says(here.cave, "not as an option")
    ours = [*here.cave.from_bot, *here.mia.private.from_bot]
    assert film in ours
    found = [(entity["type"], message.text) for message in ours for entity in message.content.entities]
    assert [(kind, text) for kind, text in found if kind != "text_mention"] == []


async def test_an_image_sent_as_a_file_is_animated_too(here: Site) -> None:
    here.mia.sends_document(here.cave, samples.picture(form="PNG"), ASK, name="fox.png", mime="image/png")
    status = await here.says(here.cave, "🎬")
    assert status.kind == "text", "a file cannot be shown as a photo by its file_id"
    await here.drawn()


async def test_animate_alone_explains(here: Site) -> None:
    here.mia.says(here.cave, "/animate")
    assert "/animate zoom in on the fox 5s" in (await here.says(here.cave, "Send a picture")).text
    here.mia.says(here.mia.private, "/animate")
    await here.says(here.mia.private, "Send a picture")


async def test_of_an_album_the_picture_with_the_words_is_animated(here: Site) -> None:
    pictures = [samples.picture(64, 64), samples.picture(96, 64), samples.picture(64, 96)]
    album = here.mia.sends_album(here.cave, pictures, ASK, captioned=1)
    await here.says(here.cave, "Of an album")
    status = await here.says(here.cave, "Queued")
    assert status.reply_to is album[1]
    assert len(await here.requests()) == 1


async def test_edited_messages_are_ignored(here: Site) -> None:
    asked = here.mia.sends_photo(here.cave, None, "look")
    here.mia.edits(asked, ASK)
    here.mia.says(here.cave, "/queue")
    await here.says(here.cave, "Nothing")
    assert await here.requests() == []


async def test_a_command_for_another_bot_or_in_the_middle_is_none_of_ours(here: Site) -> None:
    here.mia.sends_photo(here.cave, None, "/animate@other_bot the fox")
    here.mia.sends_photo(here.cave, None, "try /animate the fox")
    here.mia.says(here.cave, "/queue")
    await here.says(here.cave, "Nothing")
    assert len(here.cave.from_bot) == 1


def check_facts(film: Message) -> None:
    """What was said of the file is what is in it, and a still of its shape came along."""
    media = film.media
    assert media is not None
    assert media.thumbnail is not None
    assert (media.claims["width"], media.claims["height"]) == (media.file.width, media.file.height)
    assert abs(media.claims["duration"] - media.file.duration_s) <= 1
    shape = media.file.width / media.file.height
    assert media.thumbnail.width / media.thumbnail.height == pytest.approx(shape, rel=0.05)


@pytest.mark.parametrize("wish", ["", " gif"], ids=["film", "gif"])
async def test_a_film_comes_with_its_sides_its_length_and_a_still(here: Site, wish: str) -> None:
    await here.asked(caption=f"{ASK}{wish}")
    check_facts(await here.drawn())


async def test_a_video_comes_with_its_sides_its_length_and_a_still(here: Site) -> None:
    await here.asked(caption="/animate the fox 12s")
    film = await here.drawn()
    assert film.kind == "video"
    check_facts(film)


async def test_a_gif_is_sent_where_the_member_asks_for_one(here: Site) -> None:
    await here.asked(caption=f"{ASK} gif")
    film = await here.drawn()
    assert film.kind == "animation"
    uploads = here.kit.called("editMessageMedia")[-1].call.uploads
    assert [upload.filename for upload in uploads.values()] == ["film-1.gif", "still.jpg"]


async def test_what_is_longer_than_ten_seconds_is_a_video(here: Site) -> None:
    await here.asked(caption=f"/animate {PROMPT} 12s")
    film = await here.drawn()
    assert film.kind == "video"
    assert here.kit.called("editMessageMedia")[-1].call.get("media")["supports_streaming"]


async def test_a_covered_picture_makes_a_covered_film(here: Site) -> None:
    await here.asked(caption=f"{ASK} spoiler")
    film = await here.drawn()
    assert film.media is not None
    assert film.media.spoiler


async def test_previews_are_shown_in_the_status(here: Site) -> None:
    status = await here.asked()
    job = await here.work.start()
    await here.work.report(job, preview=here.work.media.put_bytes(gif(), ".gif"))
    await here.kit.until(lambda: status.kind == "animation")
    check_facts(status)
    await here.kit.until(lambda: "Part 1 of 2" in status.text)
    await here.work.finish(job)
    await here.film()
    await here.kit.until(lambda: status.deleted)


async def test_answers_are_in_the_members_language(here: Site) -> None:
    luca = here.kit.person("Luca", language="it")
    luca.starts()
    await here.says(luca.private, "Animo immagini")
    status = await here.asked(luca, luca.private, "/animate la volpe gira la testa 2,4s seme 3")
    assert "In coda" in status.text
    assert labels(status) == ["✖️ Annulla"]
    film = await here.drawn(luca.private)
    assert "seme 3" in film.text


async def test_a_topic_of_a_forum_is_kept(here: Site) -> None:
    forum = here.kit.supergroup("Forum", here.ben, here.mia, topics=("films", "talk"))
    topic = next(iter(forum.topics))
    here.kit.set_standing(forum, here.kit.bot, Standing.ADMIN)
    here.mia.sends_photo(forum, samples.picture(), ASK, topic=topic)
    status = await here.says(forum, "🎬")
    film = await here.drawn(forum)
    assert (status.topic, film.topic) == (topic, topic)


async def test_the_menu_of_commands_is_set_per_language_and_scope(here: Site) -> None:
    wanted = {(scope, code) for scope in ("all_private_chats", "all_group_chats") for code in ("", "it")}
    await here.kit.until(lambda: wanted <= set(here.kit.command_lists))
    assert "link" in here.kit.commands(scope="all_private_chats")
    assert "link" not in here.kit.commands(scope="all_group_chats")
    assert here.kit.commands(scope="all_group_chats", language="it")["animate"].startswith("Anima")
