"""Threads that are archived while something is owed in them: woken, served, archived again. Locked ones are said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chatkit.discord import Channel, Discord, Interaction, Message
from discordkit.site import Site, site

from storage.jobs import Failure, JobState

WAKE = ("PATCH", "/channels/{channel_id}")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Site]:
    async with Discord() as kit, site(tmp_path / "data", kit) as found:
        yield found


async def said(here: Site, interaction: Interaction) -> str:
    return (await here.kit.until(lambda: interaction.followups))[0].content


async def copied(here: Site, where: Channel) -> Message:
    page = await here.kit.answer(here.mia.slash(where, "history"))
    assert "posted again" in await said(here, here.mia.choose(page, "fb:again", "Film 1"))
    return await here.film(where)


@pytest.mark.parametrize("manages", [False, True])
async def test_deleting_reaches_a_copy_in_an_archived_thread(here: Site, manages: bool) -> None:
    await here.asked()
    film = await here.drawn()
    thread = here.kit.thread(here.room, "foxes")
    copy = await copied(here, thread)
    if manages:
        here.kit.allow(here.room, "manage_threads")
    here.kit.archive(thread)
    assert "has been deleted." in await said(here, here.mia.click(copy, "🗑️"))
    assert film.deleted
    assert copy.deleted
    # Without the right Discord archives it again itself, after a while.
    await here.kit.until(lambda: thread.archived is manages)


async def test_deleting_does_not_say_so_while_a_locked_thread_keeps_a_copy(
    here: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.discord.buttons.REMOVED_S", 1.0)
    await here.asked()
    film = await here.drawn()
    thread = here.kit.thread(here.room, "foxes")
    copy = await copied(here, thread)
    here.kit.archive(thread, locked=True)
    answer = await said(here, here.mia.click(film, "🗑️"))
    assert "not all its messages are gone" in answer
    assert "locked" in answer
    assert film.deleted
    assert not copy.deleted
    here.kit.unarchive(thread)
    await here.gone(copy)


async def test_a_failure_is_shown_in_an_archived_thread(here: Site) -> None:
    thread = here.kit.thread(here.room, "foxes")
    here.kit.allow(here.room, "manage_threads")
    status = await here.asked(where=thread)
    job = await here.work.start()
    await here.shows(status, "⏳")
    here.kit.archive(thread)
    await here.work.store.fail(job.claim, Failure(code="out_of_memory", sentence="The card ran out of memory."))
    await here.shows(status, "⚠️")
    await here.quiet(1)
    assert not (await here.status()).unreached
    await here.kit.until(lambda: thread.archived)
    assert not here.mia.dm().messages


async def test_progress_alone_wakes_nobody(here: Site) -> None:
    thread = here.kit.thread(here.room, "foxes")
    status = await here.asked(where=thread)
    job = await here.work.start()
    await here.shows(status, "⏳")
    here.kit.archive(thread)
    edits = len(here.kit.calls("PATCH", "/channels/{channel_id}/messages/{message_id}"))
    await here.work.report(job)
    await here.kit.until(lambda: len(here.kit.calls("PATCH", "/channels/{channel_id}/messages/{message_id}")) > edits)
    assert thread.archived
    assert here.kit.calls(*WAKE) == []
    # The film is worth it, and is followed by whoever talks about it.
    await here.work.finish(job)
    await here.film(thread)
    await here.gone(status)
    assert not thread.archived
    assert (await here.status()).state is JobState.DONE


async def test_a_film_is_covered_in_an_archived_thread(here: Site) -> None:
    thread = here.kit.thread(here.room, "foxes")
    here.kit.allow(here.room, "manage_threads")
    await here.asked(where=thread)
    film = await here.drawn(where=thread)
    here.kit.archive(thread)
    here.mia.click(film, "🙈")
    await here.kit.until(lambda: all(file.spoiler for file in film.attachments))
    await here.kit.until(lambda: thread.archived)


async def test_what_a_locked_thread_keeps_goes_when_it_is_opened(here: Site) -> None:
    thread = here.kit.thread(here.room, "foxes")
    status = await here.asked(where=thread)
    here.kit.archive(thread, locked=True)
    await here.work.draw_next()
    told = await here.kit.posted(here.mia.dm())
    assert "the fox" in told.content
    assert not status.deleted
    here.kit.unarchive(thread)
    await here.gone(status)


async def test_two_at_once_do_not_archive_the_thread_under_each_other(here: Site) -> None:
    thread = here.kit.thread(here.room, "foxes")
    here.kit.allow(here.room, "manage_threads")
    for number in range(2):
        await here.asked(where=thread, seconds=0.5, prompt=f"fox {number}")
    films = [await here.drawn(where=thread)]
    films.append(await here.drawn(where=thread, after=films[0].id))
    here.kit.archive(thread)
    answers = [here.mia.click(film, "🗑️") for film in films]
    texts = await asyncio.gather(*(said(here, answer) for answer in answers))
    assert all("has been deleted." in text for text in texts)
    assert all(film.deleted for film in films)
    await here.kit.until(lambda: thread.archived)
