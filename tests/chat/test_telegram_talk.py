"""What people say to the bot without a command that it knows: in private one line each, in a group nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chatkit.telegram import TelegramKit, faults, samples
from telegramkit.site import ASK, AT_ONCE, PROMPT, Site, site

from bot.telegram.budget import Budget


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with TelegramKit.open() as kit, site(tmp_path / "data", kit) as found:
        yield found


async def test_in_private_a_photo_with_plain_words_is_a_request(here: Site) -> None:
    await here.asked(where=here.mia.private, caption=f"{PROMPT} 2.4s")
    status = await here.status()
    assert (status.params.prompt, status.params.duration_ms) == (PROMPT, 2400)
    await here.drawn(here.mia.private)


async def test_in_private_a_photo_alone_is_asked_about_and_the_answer_is_a_request(here: Site) -> None:
    photo = here.mia.sends_photo(here.mia.private, samples.picture())
    line = await here.says(here.mia.private, "What should move?")
    assert line.reply_to is photo
    here.mia.says(here.mia.private, PROMPT, reply_to=photo)
    await here.says(here.mia.private, "Queued")
    assert (await here.status()).params.prompt == PROMPT


async def test_in_private_an_album_is_asked_about_once(here: Site) -> None:
    here.mia.sends_album(here.mia.private, [samples.picture()] * 4)
    await here.says(here.mia.private, "What should move?")
    here.mia.says(here.mia.private, "/queue")
    await here.kit.until(lambda: len(here.mia.private.from_bot) == 2)
    await here.kit.settled()
    assert len(here.mia.private.from_bot) == 2


async def test_in_private_an_album_with_words_is_a_request_and_no_question(here: Site) -> None:
    here.mia.sends_album(here.mia.private, [samples.picture()] * 3, PROMPT)
    await here.says(here.mia.private, "Queued")
    here.mia.says(here.mia.private, "/queue")
    await here.says(here.mia.private, "1st · ")
    assert not any("What should move?" in it.text for it in here.mia.private.from_bot)


async def test_in_private_words_alone_are_told_what_would_be_a_wish(here: Site) -> None:
    here.mia.says(here.mia.private, "hello, are you a bot?")
    line = await here.says(here.mia.private, "Send me a picture")
    assert await here.requests() == []
    assert len(here.mia.private.from_bot) == 1
    assert line.reply_to is not None


async def test_in_private_what_is_passed_on_costs_nothing(here: Site) -> None:
    """Its words are somebody else's."""
    passed_on = {"forward_origin": {"type": "hidden_user", "sender_user_name": "Zoe", "date": 1}}
    here.mia.sends_photo(here.mia.private, samples.picture(), "look at this", service=passed_on)
    await here.says(here.mia.private, "What should move?")
    assert await here.requests() == []


async def test_in_private_a_voice_is_told_what_can_be_animated(here: Site) -> None:
    here.mia.sends_voice(here.mia.private)
    await here.says(here.mia.private, "not a picture I can animate")


@pytest.mark.parametrize(
    "sent",
    [
        {"location": {"longitude": 12.5, "latitude": 41.9}},
        {"contact": {"phone_number": "1", "first_name": "Zoe"}},
        {"dice": {"emoji": "🎲", "value": 3}},
    ],
    ids=lambda sent: next(iter(sent)),
)
async def test_in_private_whatever_else_is_sent_is_told_what_would_be_a_wish(here: Site, sent: dict[str, Any]) -> None:
    here.mia.says(here.mia.private, "", service=sent)
    await here.says(here.mia.private, "Send me a picture")


async def test_in_private_nobody_has_said_anything_by_a_service_message(here: Site) -> None:
    here.mia.says(here.mia.private, "", service={"message_auto_delete_timer_changed": {"message_auto_delete_time": 60}})
    here.mia.says(here.mia.private, "hello")
    await here.says(here.mia.private, "Send me a picture")
    await here.kit.settled()
    assert len(here.mia.private.from_bot) == 1


VIA_BOT = {"via_bot": {"id": 140_267_078, "is_bot": True, "first_name": "GIF", "username": "gif"}}


async def test_a_gif_that_the_app_has_found_is_taken_in_private_and_left_alone_in_a_group(here: Site) -> None:
    """Telegram's apps send it in the name of a bot of theirs."""
    here.mia.sends_gif(here.cave, PROMPT, service=VIA_BOT)
    here.mia.says(here.cave, "/queue", service=VIA_BOT)
    gif = here.mia.sends_gif(here.mia.private, service=VIA_BOT)
    assert (await here.says(here.mia.private, "What should move?")).reply_to is gif
    here.mia.says(here.mia.private, PROMPT, reply_to=gif)
    await here.says(here.mia.private, "Queued")
    assert (await here.status()).params.prompt == PROMPT
    assert here.cave.from_bot == []


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("/animte the fox", "I do not know /\u2060animte. Did you mean /animate?"),
        ("/cancle", "Did you mean /cancel?"),
        ("/hlep", "Did you mean /help?"),
        ("/HISTROY", "Did you mean /history?"),
        ("/xyzzy", "I do not know /\u2060xyzzy. /help tells you what I can do."),
    ],
)
async def test_in_private_a_mistyped_command_is_told_the_right_one(here: Site, typed: str, words: str) -> None:
    here.mia.says(here.mia.private, typed)
    await here.says(here.mia.private, words)
    assert len(here.mia.private.from_bot) == 1


async def test_a_mistyped_command_below_a_photo_is_told_the_right_one(here: Site) -> None:
    here.mia.sends_photo(here.mia.private, samples.picture(), "/animte the fox")
    await here.says(here.mia.private, "Did you mean /animate?")
    assert await here.requests() == []


async def test_a_group_is_left_alone_by_whatever_is_not_for_the_bot(here: Site) -> None:
    here.mia.sends_photo(here.cave, samples.picture(), PROMPT)
    here.mia.sends_photo(here.cave, samples.picture())
    here.mia.says(here.cave, "hello")
    here.mia.says(here.cave, "/animte the fox")
    here.mia.sends_voice(here.cave)
    here.mia.says(here.cave, "/queue")
    await here.kit.until(lambda: here.cave.from_bot)
    await here.kit.settled()
    assert len(here.cave.from_bot) == 1


async def test_in_a_group_a_mistyped_command_that_names_the_bot_is_told_the_right_one(here: Site) -> None:
    here.mia.says(here.cave, f"/animte@{here.kit.bot.username} the fox")
    await here.says(here.cave, "Did you mean /animate?")


async def test_a_channel_is_told_once_that_nothing_works_there(here: Site) -> None:
    news = here.kit.channel("News", here.ben)
    here.ben.says(news, "Good morning")
    here.ben.sends_photo(news, samples.picture(), ASK)
    line = await here.says(news, "I do not work in channels")
    assert line.reply_to is not None
    here.ben.sends_photo(news, samples.picture(), ASK)
    here.ben.says(news, "/queue")
    await here.kit.settled()
    here.mia.says(here.cave, "/queue")
    await here.kit.until(lambda: here.cave.from_bot)
    assert news.from_bot == [line]
    assert await here.requests() == []


async def test_a_burst_of_answers_in_private_is_said_later_in_one_message_and_not_dropped(tmp_path: Path) -> None:
    tight = replace(AT_ONCE, chat=Budget(2, 6.0))
    async with TelegramKit.open() as kit, site(tmp_path / "data", kit, budgets=tight) as here:
        for number in range(12):
            here.mia.says(here.mia.private, f"/xyzzy{number}")
        # Asked twice, it is answered once.
        here.mia.says(here.mia.private, "/xyzzy11")

        def answered() -> bool:
            said = "\n".join(message.text for message in here.mia.private.from_bot)
            return all(f"xyzzy{number}." in said for number in range(12))

        await kit.until(answered)
        said = "\n".join(message.text for message in here.mia.private.from_bot)
        assert said.count("xyzzy11.") == 1
        assert len(here.mia.private.from_bot) == 3


async def test_a_refusal_that_has_room_neither_in_a_group_nor_in_private_is_said_later(tmp_path: Path) -> None:
    tight = replace(AT_ONCE, chat=Budget(1, 6.0))
    async with TelegramKit.open() as kit, site(tmp_path / "data", kit, budgets=tight) as here:
        # Never started: Telegram lets no bot write to her.
        here.mia.sends_voice(here.cave, ASK)
        here.mia.says(here.cave, ASK, reply_to=here.mia.sends_sticker(here.cave, animated=True))
        await here.says(here.cave, "Animated stickers")
        assert len(here.cave.from_bot) == 2
        assert await here.requests() == []


async def test_an_answer_that_never_left_is_given_again(here: Site) -> None:
    here.kit.faults.add(faults.flood_wait("sendMessage", 1, chat_id=here.mia.id))
    here.mia.says(here.mia.private, "hello")
    await here.says(here.mia.private, "Send me a picture")
