"""The main flow on Discord: from the command to the film, and what can be done with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from botkit.house import png
from chatkit.discord import Discord
from discordkit.site import Site, fox, home, member, site
from PIL import Image

from storage.errors import UnknownRequest
from storage.jobs import Failure, JobState, Member


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with Discord() as kit, site(tmp_path / "data", kit) as found:
        yield found


async def test_a_member_animates_a_picture(here: Site) -> None:
    asked = here.ask(seconds=2.4)
    status = await here.shows(await here.kit.answer(asked), "🎬 Queued")
    assert not asked.ephemeral
    film = await here.drawn()
    assert status.deleted
    assert film.content.startswith(f"{here.mia.mention} ✨")
    assert [file.filename for file in film.attachments] == ["film-1.mp4", "film-1.gif"]
    assert all("the fox turns its head" in file.description for file in film.attachments)
    assert film.mentions == [here.mia.user]
    await here.kit.until(lambda: "🔁" in film.reactions)
    assert (await here.status()).state is JobState.DONE


async def test_the_picker_of_a_message_with_several_pictures(here: Site) -> None:
    said = here.mia.say(here.room, "which one?", fox(name="a.png"), fox(png((0, 0, 200)), name="b.png"))
    opened = here.ben.menu(said, "Animate this picture")
    await here.kit.acknowledged(opened)
    assert opened.modal is not None
    sent = here.ben.submit(opened, picture="Picture 2: b.png", prompt="waves roll in", seconds="1.2")
    await here.shows(await here.kit.answer(sent), "waves roll in")
    await here.drawn()
    params = (await here.status()).params
    assert (params.prompt, params.duration_ms) == ("waves roll in", 1200)
    blue = here.work.media.path(params.picture).read_bytes()
    assert Image.open(BytesIO(blue)).getpixel((5, 5)) == (0, 0, 200)


async def test_one_picture_needs_no_picker(here: Site) -> None:
    said = here.mia.say(here.room, "", fox())
    opened = await here.kit.acknowledged(here.mia.menu(said, "Animate this picture"))
    sent = here.mia.submit(opened, prompt="it blinks")
    await here.shows(await here.kit.answer(sent), "it blinks")


OPTIONS = "faster please 3.6s seed 7 gif spoiler style lively"
UNDERSTOOD = "“faster please” · 3.6 s · seed 7 · style lively · GIF · spoiler"


async def test_options_among_the_words_count_in_command_form_and_other_words(here: Site) -> None:
    asked = here.mia.slash(here.room, "animate", image=fox(), prompt=OPTIONS)
    await here.shows(await here.kit.answer(asked), UNDERSTOOD)
    film = await here.drawn()
    assert [file.filename for file in film.attachments] == ["SPOILER_film-1.gif"]
    opened = await here.kit.acknowledged(here.mia.menu(here.mia.say(here.room, "", fox()), "Animate this picture"))
    # The length that stands in the form from the start is nobody's wish.
    sent = here.mia.submit(opened, prompt=OPTIONS)
    await here.shows(await here.kit.answer(sent), UNDERSTOOD)
    opened = await here.kit.acknowledged(here.ben.click(film, "✏️"))
    sent = here.ben.submit(opened, prompt="80s anime style gif")
    told = await here.kit.until(lambda: sent.followups and sent.followups[-1])
    assert "not as an option: “80s”" in told.content
    params = (await here.status(3)).params
    assert (params.prompt, params.duration_ms, params.style) == ("80s anime style", 3600, "")


async def test_the_form_for_other_words_holds_the_style_too(here: Site) -> None:
    await here.kit.answer(here.ask(prompt="the fox runs", style="gentle"))
    film = await here.drawn()
    opened = await here.kit.acknowledged(here.mia.click(film, "✏️"))
    assert opened.modal is not None
    assert "the fox runs, style gentle" in str(opened.modal)
    sent = here.mia.submit(opened)
    await here.kit.until(lambda: sent.followups)
    again, first = (await here.status(2)).params, (await here.status(1)).params
    assert (again.prompt, again.style) == (first.prompt, first.style)


async def test_a_message_without_pictures_is_refused_in_private(here: Site) -> None:
    said = here.mia.say(here.room, "just words")
    asked = here.mia.menu(said, "Animate this picture")
    answer = await here.kit.answer(asked)
    assert asked.ephemeral
    assert "no picture" in answer.content


async def test_names_and_answers_are_in_the_members_language(here: Site) -> None:
    luca = here.kit.person("luca", here.guild, locale="it")
    asked = luca.slash(here.room, "anima", immagine=fox(), testo="la volpe gira la testa", secondi=2.4)
    status = await here.shows(await here.kit.answer(asked), "🎬 In coda")
    assert status.button("Annulla")
    await here.drawn()


async def test_a_reaction_draws_again_and_taking_it_back_cancels(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    here.ben.react(film, "🔁")
    status = await here.kit.posted(here.room, lambda message: "🎬" in message.content, after=film.id)
    here.ben.unreact(film, "🔁")
    await here.shows(status, "✖️")
    assert (await here.status(2)).state is JobState.CANCELLED
    here.ben.react(film, "🔁")
    await here.kit.posted(here.room, lambda message: "🎬" in message.content, after=status.id)
    again = await here.drawn(after=film.id)
    assert again.mentions == [here.ben.user]
    made = await here.status(3)
    assert (made.parent_id, made.member.name) == (1, "Ben")
    assert "Mia" in again.content


async def test_bots_and_foreign_signs_do_nothing(here: Site) -> None:
    robot = here.kit.person("robot", here.guild, bot=True)
    await here.asked()
    film = await here.drawn()
    robot.react(film, "🔁")
    here.ben.react(film, "👍")
    here.ben.react(film, "❌")
    here.mia.react(here.ben.say(here.room, "hello"), "🔁")
    # The last press of all: what came before it has been heard.
    here.ben.react(film, "🔁")
    await here.kit.posted(here.room, lambda message: "🎬" in message.content, after=film.id)
    with pytest.raises(UnknownRequest):
        await here.status(3)


async def test_a_cross_on_the_status_cancels(here: Site) -> None:
    status = await here.asked()
    here.mia.react(status, "❌")
    await here.shows(status, "✖️ Cancelled")
    assert (await here.status()).charged_ms == 0


async def test_buttons_reroll_retry_extend_and_edit(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    for label in ("🔁", "➕"):
        pressed = here.mia.click(film, label)
        await here.kit.until(lambda pressed=pressed: pressed.followups)
        film_again = await here.drawn(after=film.id)
        assert film_again.mentions == [here.mia.user]
    opened = await here.kit.acknowledged(here.ben.click(film, "✏️"))
    sent = here.ben.submit(opened, prompt="the fox yawns")
    await here.kit.until(lambda: sent.followups)
    last = await here.kit.posted(here.room, lambda message: "yawns" in message.content, after=film.id)
    here.ben.click(last, "Cancel")
    await here.shows(last, "✖️")
    kinds = [(await here.status(number)).kind.value for number in (2, 3, 4)]
    assert kinds == ["reroll", "extend", "reroll"]


async def test_a_film_that_failed_is_tried_again_or_shorter(here: Site) -> None:
    status = await here.asked(seconds=4.8)
    job = await here.work.start()
    await here.work.store.fail(job.claim, Failure(code="out_of_memory", sentence="The card ran out of memory."))
    await here.shows(status, "⚠️ The card ran out of memory. Nothing was charged.")
    pressed = here.mia.click(status, "Try shorter")
    await here.kit.until(lambda: pressed.followups)
    shorter = await here.kit.posted(here.room, lambda message: "2.4 s" in message.content, after=status.id)
    here.ben.click(status, "Try again")
    await here.kit.posted(here.room, lambda message: "4.8 s" in message.content, after=shorter.id)
    assert [(await here.status(number)).member.name for number in (2, 3)] == ["Mia", "Ben"]


async def test_only_the_requester_or_a_moderator_cancels(here: Site) -> None:
    status = await here.asked()
    pressed = here.ben.click(status, "Cancel")
    refused = await here.kit.until(lambda: pressed.followups)
    assert refused[0].only_for is here.ben.user
    here.kit.role(here.guild, "keeper", "manage_messages", here.ben)
    here.ben.click(status, "Cancel")
    await here.shows(status, "✖️")


async def test_a_film_is_deleted_by_its_requester(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    pressed = here.ben.click(film, "🗑️")
    await here.kit.until(lambda: pressed.followups)
    assert not film.deleted
    here.mia.react(film, "🗑️")
    await here.gone(film)


async def test_enough_wishes_cover_a_film(here: Site) -> None:
    await here.asked()
    film = await here.drawn()
    for name in ("ada", "bob", "cyd"):
        here.kit.person(name, here.guild).react(film, "🙈")
    await here.kit.until(lambda: film.attachments and all(file.spoiler for file in film.attachments))
    assert [file.filename for file in film.attachments] == ["SPOILER_film-1.mp4", "SPOILER_film-1.gif"]


async def test_a_spoiler_is_covered_from_the_start(here: Site) -> None:
    await here.asked(spoiler=True, seed=8841, style="gentle")
    film = await here.drawn()
    assert all(file.spoiler for file in film.attachments)
    assert "8841" in film.content


async def test_what_a_member_covered_stays_covered(here: Site) -> None:
    await here.asked(image=fox(name="SPOILER_fox.png"))
    film = await here.drawn()
    assert all(file.spoiler for file in film.attachments)


async def test_queue_quota_history_and_help(here: Site) -> None:
    await here.asked()
    for name, words in (
        ("queue", "the fox turns"),
        ("quota", "117.6 s"),
        ("history", "the fox turns"),
        ("privacy", "24 h"),
        ("help", "animate"),
    ):
        asked = here.mia.slash(here.room, name)
        answer = await here.kit.answer(asked)
        assert asked.ephemeral
        assert words in answer.content


async def test_a_code_links_an_account_of_another_platform(here: Site) -> None:
    code = (await here.desk.links.offer(Member(platform="telegram", user_id="17", name="Mia"))).code
    done = await here.kit.answer(here.mia.slash(here.room, "link", code=code))
    assert "now share one quota" in done.content
    refused = here.ben.slash(here.room, "link", code=code)
    assert (await here.kit.answer(refused)).only_for is here.ben.user
    offered = here.ben.slash(here.room, "link")
    assert "/link" in (await here.kit.answer(offered)).content
    assert offered.ephemeral


async def test_the_history_turns_its_pages_and_posts_a_film_again(here: Site) -> None:
    for _ in range(10):
        await here.work.submit(member=member(here.mia), place=home(here), seconds=0.5)
        await here.drawn()
    films = [message for message in here.mia.reads(here.room) if message.attachments]
    assert len(films) == 10
    page = await here.kit.answer(here.mia.slash(here.room, "history"))
    assert "10 · " in page.content
    await here.kit.acknowledged(here.mia.click(page, "Earlier"))
    await here.kit.until(lambda: "2 · " in page.content)
    assert "10 · " not in page.content
    pressed = here.mia.choose(page, "fb:again", "Film 1")
    await here.kit.until(lambda: pressed.followups)
    again = await here.film(after=films[-1].id)
    assert again.attachments[0].filename == "film-1.mp4"
    await here.kit.acknowledged(here.mia.click(page, "Newest"))
    await here.kit.until(lambda: "10 · " in page.content)
