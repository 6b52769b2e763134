"""Buttons and reactions under films on Telegram: who may, who pays, and what is forged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chatkit.telegram import Standing, TelegramKit, faults
from telegramkit.site import ASK, PROMPT, Site, is_film, labels, member, site

from bot.telegram.front import place
from storage.clock import SystemClock
from storage.jobs import Failure, JobState, RequestKind


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with TelegramKit.open() as kit, site(tmp_path / "data", kit) as found:
        yield found
        await kit.until(lambda: not kit.unanswered())


async def test_a_film_has_its_buttons_in_words(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    assert labels(film) == ["⚡ Another seed", "✏️ Change prompt", "➕ Extend", "🗑 Delete", "🙈 Hide"]


async def test_whoever_presses_rerolls_and_pays(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    click = here.ben.clicks(film, "⚡")
    answer = await here.kit.until(lambda: click.answer)
    assert answer["text"] == "🎬 Added to the queue: film 2."
    await here.says(here.cave, "Queued")
    second = await here.status(2)
    assert (second.kind, second.parent_id, second.member) == (RequestKind.REROLL, 1, member(here.ben))
    again = await here.drawn(besides={film})
    assert again.text.startswith("Ben: ✨")
    assert again.reply_to is film


async def test_a_queued_film_is_cancelled_by_its_button(here: Site) -> None:
    status = await here.asked()
    stranger = here.kit.person("Zoe")
    here.kit.set_standing(here.cave, stranger, Standing.MEMBER)
    refused = stranger.clicks(status, "Cancel")
    assert (await here.kit.until(lambda: refused.answer))["show_alert"]
    here.mia.clicks(status, "Cancel")
    await here.kit.until(lambda: "Cancelled" in status.text)
    assert (await here.status()).state is JobState.CANCELLED


async def test_an_admin_cancels_for_everybody(here: Site) -> None:
    status = await here.asked()
    here.ben.clicks(status, "Cancel")
    await here.kit.until(lambda: "moderator" in status.text)
    assert (await here.status()).charged_ms == 0


async def test_a_film_is_extended_by_its_requester_alone(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    refused = here.ben.clicks(film, "Extend")
    assert "belongs to someone else" in (await here.kit.until(lambda: refused.answer))["text"]
    here.mia.clicks(film, "Extend")
    await here.says(here.cave, "Queued")
    assert (await here.status(2)).kind is RequestKind.EXTEND


async def test_a_film_that_failed_is_tried_again_or_shorter(here: Site) -> None:
    status = await here.asked(caption="/animate the fox 4.8s")
    job = await here.work.start()
    await here.work.store.fail(job.claim, Failure(code="out_of_memory", sentence="The card ran out of memory."))
    await here.kit.until(lambda: status.text == "⚠️ The card ran out of memory. Nothing was charged.")
    assert labels(status) == ["🔁 Try again", "✂️ Try shorter"]
    here.mia.clicks(status, "Try shorter")
    await here.says(here.cave, "2.4 s")
    here.ben.clicks(status, "Try again")
    await here.says(here.cave, "4.8 s")
    assert [(await here.status(number)).member for number in (2, 3)] == [member(here.mia), member(here.ben)]


async def test_deleting_takes_film_and_files_away(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    click = here.mia.clicks(film, "Delete")
    assert (await here.kit.until(lambda: click.answer))["text"] == "🗑 Film 1 has been deleted."
    assert film.deleted
    assert (await here.status()).purged


async def test_a_film_that_is_hidden_is_covered_in_place(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.mia.clicks(film, "Hide")
    await here.kit.until(lambda: film.media is not None and film.media.spoiler)
    assert not film.deleted


async def test_other_words_are_asked_for_and_answered(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.ben.clicks(film, "Change prompt")
    question = await here.says(here.cave, "reply to this message")
    here.ben.says(here.cave, "the fox yawns", reply_to=question)
    await here.says(here.cave, "the fox yawns")
    second = await here.status(2)
    assert (second.params.prompt, second.member) == ("the fox yawns", member(here.ben))


async def test_a_reply_to_a_film_with_the_command_and_other_words_rerolls(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.ben.says(here.cave, "how nice!", reply_to=film)
    here.ben.says(here.cave, "/animate the fox yawns", reply_to=film)
    await here.says(here.cave, "the fox yawns")
    assert len(await here.requests()) == 2


async def test_in_private_a_reply_to_a_film_is_enough(here: Site) -> None:
    await here.asked(where=here.mia.private)
    film = await here.drawn(here.mia.private)
    here.mia.says(here.mia.private, "the fox yawns", reply_to=film)
    await here.says(here.mia.private, "the fox yawns")


async def test_reactions_reroll_take_back_hide_and_delete(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.ben.reacts(film, "🔥", "⚡")
    await here.says(here.cave, "Queued")
    here.ben.reacts(film, "🔥")
    status = await here.says(here.cave, "Cancelled")
    assert not status.deleted
    here.mia.reacts(film, "🙈")
    await here.kit.until(lambda: film.media is not None and film.media.spoiler)
    here.mia.reacts(film, "👎")
    await here.kit.until(lambda: film.deleted)
    assert len(await here.requests()) == 2


async def test_a_thumb_down_of_somebody_else_is_an_opinion(here: Site) -> None:
    zoe = here.kit.person("Zoe")
    here.kit.set_standing(here.cave, zoe, Standing.MEMBER)
    await here.asked()
    film = await here.drawn()
    zoe.reacts(film, "👎")
    zoe.reacts(film)
    await here.kit.settled()
    assert not film.deleted


async def test_anonymous_reactions_cannot_be_charged(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.ben.reacts(film, "⚡", as_chat=here.cave)
    await here.kit.settled()
    assert len(await here.requests()) == 1


async def test_a_reaction_is_refused_in_private_and_once_an_hour(here: Site) -> None:
    here.ben.starts()
    await here.says(here.ben.private, "I animate")
    await here.asked()
    film = await here.drawn()
    await here.work.submit(member=member(here.ben), place=place(here.cave.id), seconds=119.0)
    for _ in range(2):
        here.ben.reacts(film, "⚡")
        here.ben.reacts(film)
    refusal = await here.says(here.ben.private, "of video left")
    here.ben.says(here.ben.private, "/quota")
    await here.says(here.ben.private, "back each day")
    assert [it for it in here.ben.private.from_bot if "this film needs" in it.text] == [refusal]
    assert len(await here.requests()) == 2


class SetBack:
    """A wall clock that somebody sets back."""

    by_ms = 0
    _clock = SystemClock()

    def now_ms(self) -> int:
        return self._clock.now_ms() - self.by_ms

    def lease_ms(self) -> int:
        return self._clock.lease_ms()

    def boot_id(self) -> str:
        return self._clock.boot_id()


async def test_a_clock_that_is_set_back_makes_no_refusal_come_twice(tmp_path: Path) -> None:
    clock = SetBack()
    async with TelegramKit.open() as kit, site(tmp_path / "data", kit, clock=clock) as here:
        here.ben.starts()
        await here.says(here.ben.private, "I animate")
        await here.asked()
        film = await here.drawn()
        await here.work.submit(member=member(here.ben), place=place(here.cave.id), seconds=119.0)
        here.ben.reacts(film, "⚡")
        refusal = await here.says(here.ben.private, "of video left")
        clock.by_ms = 86_400_000
        here.ben.reacts(film)
        here.ben.reacts(film, "⚡")
        here.ben.says(here.ben.private, "/quota")
        await here.says(here.ben.private, "back each day")
        assert [it for it in here.ben.private.from_bot if "this film needs" in it.text] == [refusal]


async def test_forged_buttons_are_refused_and_answered(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    await here.asked(here.ben, here.ben.private)
    for data in ("cancel:2", "delete:2", "reroll:999", "reroll:-1", "again:1", "page:0", "x" * 64, "reroll:1 ", "💥"):
        click = here.mia.sends_data(film, data)
        answer = await here.kit.until(lambda click=click: click.answer)
        assert answer["show_alert"], data
        assert "does not belong" in answer["text"], data
    assert (await here.status(2)).state is JobState.QUEUED


async def test_a_button_of_a_deleted_message_is_answered(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.ben.deletes(film)
    click = here.ben.clicks(film, "⚡")
    await here.kit.until(lambda: click.answer)


async def test_history_is_private_and_posts_a_film_again(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.mia.says(here.cave, "/history")
    assert "in private" in (await here.says(here.cave, "between you and me")).text
    here.mia.says(here.mia.private, "/start history")
    page = await here.says(here.mia.private, PROMPT)
    assert labels(page) == ["Post 1 again"]
    here.mia.clicks(page, "Post 1")
    again = await here.film(here.mia.private)
    assert again is not film
    assert again.reply_to is page
    assert is_film(film)


async def test_pages_of_the_history_are_turned_in_place(here: Site) -> None:
    for number in range(8):
        await here.work.submit(member=member(here.mia), seconds=0.6, prompt=f"number {number}")
        await here.work.draw_next()
    here.mia.says(here.mia.private, "/history")
    page = await here.says(here.mia.private, "number 7")
    assert "number 1" not in page.text
    here.mia.clicks(page, "Earlier")
    await here.kit.until(lambda: "number 1" in page.text)
    assert "number 7" not in page.text


async def test_a_blank_page_says_so(here: Site) -> None:
    here.ben.says(here.ben.private, "/history")
    await here.kit.until(lambda: here.ben.private.from_bot)
    assert ASK not in here.ben.private.from_bot[0].text


@pytest.mark.parametrize("how", ["button", "command"])
async def test_a_film_that_has_ended_is_not_said_to_be_cancelled(here: Site, how: str) -> None:
    status = await here.asked(where=here.mia.private)
    await here.drawn(here.mia.private)
    if how == "command":
        here.mia.says(here.mia.private, "/cancel 1")
        await here.says(here.mia.private, "Film 1 is already done")
    else:
        # The button is gone with its message; a client may still show it.
        film = await here.film(here.mia.private)
        click = here.mia.sends_data(film, "cancel:1")
        answer = await here.kit.until(lambda: click.answer)
        assert answer["text"] == "Film 1 is already done, so there is nothing to cancel."
    assert status.deleted
    assert (await here.status()).state is JobState.DONE


async def test_a_film_is_posted_again_at_a_pace(here: Site) -> None:
    await here.asked(where=here.mia.private)
    film = await here.drawn(here.mia.private)
    here.mia.says(here.mia.private, "/history")
    page = await here.says(here.mia.private, "Your films")
    first, second = here.mia.clicks(page, "Post 1"), here.mia.clicks(page, "Post 1")
    again = await here.film(here.mia.private, besides={film})
    said = [(await here.kit.until(lambda click=click: click.answer))["text"] for click in (first, second)]
    assert said == [
        "Film 1 has been posted again.",
        "One film at a time, please: wait a few seconds, then press again.",
    ]
    assert [it for it in here.mia.private.from_bot if is_film(it)] == [film, again]


async def test_an_answer_to_a_button_that_fails_is_given_again(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.kit.faults.add(faults.bad_gateway("answerCallbackQuery", times=2))
    click = here.mia.clicks(film, "Hide")
    await here.kit.until(lambda: click.answer)


async def test_a_moderator_is_one_though_the_question_fails_once(here: Site) -> None:
    status = await here.asked()
    here.kit.faults.add(faults.bad_gateway("getChatMember"))
    here.ben.clicks(status, "Cancel")
    await here.kit.until(lambda: "moderator" in status.text)
