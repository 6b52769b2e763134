"""Films that must be covered or taken away, wherever they stand: whatever the platform says, and after any kill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from botkit.house import BEN, HERE, MIA, Bench, HandClock, bench
from botkit.recording import RecordingChat, no_slip, unavailable

from bot.chat import Chat, ChatUnavailable, MessageGone, PlaceClosed, PlaceGone
from bot.films import Asker, Films
from bot.relay import Relay
from storage.errors import UnknownRequest
from storage.jobs import MessageRef, Place
from storage.settings import DataSettings, Settings

PRIVATE = Place(platform="test", community_id="mia alone", chat_id="mia's private chat")
CLOSED = PlaceClosed("50001 Missing Access")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def chat() -> RecordingChat:
    return RecordingChat()


def relay_of(desk: Bench, *chats: RecordingChat) -> Relay:
    """A bot process: a second one knows only what the store knows."""
    served: dict[str, Chat] = {chat.platform: chat for chat in chats}
    clock = cast(HandClock, desk.clock)
    return Relay(desk.store, desk.media, served, monotonic=lambda: clock.ms / 1000)


def films_of(desk: Bench) -> Films:
    return Films(desk.store, desk.media, Settings(data=DataSettings(folder=desk.folder)))


def later(desk: Bench, minutes: float = 10) -> None:
    cast(HandClock, desk.clock).ms += round(60_000 * minutes)


async def shown(desk: Bench, chat: RecordingChat) -> MessageRef:
    """Mia's film 1, done and standing in its room."""
    await desk.submit()
    await desk.draw_next()
    await relay_of(desk, chat).drain()
    [message] = chat.messages.values()
    return message.ref


async def again(desk: Bench, chat: RecordingChat, place: Place = PRIVATE, nonce: str = "again") -> MessageRef:
    """The film posted once more, as an adapter does it."""
    view = await films_of(desk).film(1, Asker(member=MIA, place=place, idem="once more"))
    ref = await chat.deliver(place, view, nonce=nonce, slip=no_slip())
    await films_of(desk).posted_again(view, ref)
    return ref


async def test_a_deleted_film_goes_however_often_it_takes_and_after_a_restart(desk: Bench, chat: RecordingChat) -> None:
    film = await shown(desk, chat)
    copy = await again(desk, chat)
    assert set(await films_of(desk).delete(1, MIA, place=HERE)) == {film, copy}
    for failure in (unavailable(), ChatUnavailable("429", after_s=300), ValueError("adapter bug")):
        chat.failures.extend([failure, failure])
        await relay_of(desk, chat).drain()
        assert set(chat.messages) == {film.message_id, copy.message_id}
        assert set(await films_of(desk).delete(1, MIA, place=HERE)) == {film, copy}
        later(desk)
    await relay_of(desk).drain()
    later(desk)
    await relay_of(desk, chat).drain()
    assert chat.messages == {}
    assert await films_of(desk).delete(1, MIA, place=HERE) == ()
    before = list(chat.calls)
    later(desk)
    await relay_of(desk, chat).drain()
    assert chat.calls == before


@pytest.mark.parametrize("answer", [MessageGone(), PlaceGone("10003 Unknown Channel")])
async def test_what_is_gone_is_asked_for_once(desk: Bench, chat: RecordingChat, answer: Exception) -> None:
    await shown(desk, chat)
    await films_of(desk).delete(1, MIA)
    chat.failures.append(answer)
    relay = relay_of(desk, chat)
    before = list(chat.calls)
    await relay.drain()
    later(desk)
    await relay.drain()
    assert await films_of(desk).delete(1, MIA) == ()
    assert before == chat.calls


async def test_what_stands_in_a_closed_room_goes_once_the_room_is_open(desk: Bench, chat: RecordingChat) -> None:
    await shown(desk, chat)
    [film] = await films_of(desk).delete(1, MIA)
    chat.failures.extend([CLOSED, CLOSED])
    relay = relay_of(desk, chat)
    for _ in range(2):
        await relay.drain()
        assert await films_of(desk).delete(1, MIA) == (film,)
        later(desk)
    await relay.drain()
    assert await films_of(desk).delete(1, MIA) == ()


class Stubborn(RecordingChat):
    """Takes messages and lets none go."""

    async def remove(self, ref: MessageRef) -> None:
        raise unavailable()


async def test_a_film_deleted_while_it_is_sent_goes_later_where_its_platform_is_out_by_then(desk: Bench) -> None:
    chat = Stubborn(hang_on={"deliver 1"})
    await desk.submit()
    await desk.draw_next()
    sending = asyncio.create_task(relay_of(desk, chat).drain())
    while not chat.under_way or not chat.messages:
        await desk.store.changed(timeout_s=1)
    await desk.store.let_go(1, by=MIA)
    chat.let_go()
    await sending
    assert [message.film for message in chat.messages.values()] == [False, True]
    later(desk)
    await relay_of(desk, RecordingChat(messages=chat.messages)).drain()
    assert chat.messages == {}


async def test_messages_of_somebody_erased_go_from_their_chats(desk: Bench, chat: RecordingChat) -> None:
    await shown(desk, chat)
    await again(desk, chat)
    await desk.submit()
    relay = relay_of(desk, chat)
    await relay.drain()
    await desk.store.erase(MIA)
    await relay.drain()
    assert chat.messages == {}
    assert await desk.store.removals_due() == []


async def test_a_film_is_covered_wherever_it_stands(desk: Bench, chat: RecordingChat) -> None:
    await shown(desk, chat)
    copies = [await again(desk, chat), await again(desk, chat, replace(HERE, chat_id="other room"), "second")]
    await films_of(desk).hide(1, BEN, everyone=True, place=HERE)
    await relay_of(desk, chat).drain()
    assert [message.view.spoiler for message in chat.messages.values()] == [True] * 3
    assert len(copies) == 2
    assert await desk.store.outbox_due() == []


async def test_a_copy_on_another_platform_is_covered_there(desk: Bench, chat: RecordingChat) -> None:
    other = RecordingChat(platform="other")
    await shown(desk, chat)
    copy = await again(desk, other, Place(platform="other", community_id="guild", chat_id="room"))
    await films_of(desk).hide(1, MIA)
    await relay_of(desk, chat).drain()
    assert not other.messages[copy.message_id].view.spoiler
    later(desk)
    await relay_of(desk, chat, other).drain()
    assert other.messages[copy.message_id].view.spoiler
    # The film's own message was covered once, whatever became of the copy.
    assert chat.calls.count("edit 1") == 1
    assert await desk.store.outbox_due() == []


async def test_a_cover_that_a_platform_does_not_take_now_is_tried_again(desk: Bench, chat: RecordingChat) -> None:
    film = await shown(desk, chat)
    await films_of(desk).hide(1, MIA)
    chat.failures.append(ChatUnavailable("30046", after_s=120))
    await relay_of(desk, chat).drain()
    assert not chat.messages[film.message_id].view.spoiler
    later(desk)
    await relay_of(desk, chat).drain()
    assert chat.messages[film.message_id].view.spoiler


async def test_a_film_that_cannot_be_covered_any_more_is_taken_away(desk: Bench, chat: RecordingChat) -> None:
    film = await shown(desk, chat)
    await films_of(desk).hide(1, MIA)
    chat.failures.append(CLOSED)
    await relay_of(desk, chat).drain()
    assert chat.calls[-1] == f"remove {film.message_id}"
    assert chat.messages == {}
    assert await desk.store.outbox_due() == []


async def test_a_room_that_opens_again_has_its_film_covered(desk: Bench, chat: RecordingChat) -> None:
    film = await shown(desk, chat)
    await films_of(desk).hide(1, MIA)
    chat.failures.extend([CLOSED, CLOSED])
    await relay_of(desk, chat).drain()
    assert not chat.messages[film.message_id].view.spoiler
    later(desk)
    await relay_of(desk, chat).drain()
    assert chat.messages[film.message_id].view.spoiler


async def test_a_room_that_stays_closed_is_let_be_in_the_end(
    desk: Bench, chat: RecordingChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries_max = 20
    monkeypatch.setattr("bot.covering.TRIES_MAX", tries_max)
    await shown(desk, chat)
    await again(desk, chat)
    await films_of(desk).hide(1, MIA)
    relay = relay_of(desk, chat)
    for _ in range(tries_max + 2):
        chat.failures.extend([CLOSED] * 4)
        await relay.drain()
        later(desk)
    chat.failures.clear()
    assert await desk.store.outbox_due() == []


async def test_a_film_that_was_never_taken_is_covered_where_it_was_posted_again(
    desk: Bench, chat: RecordingChat
) -> None:
    await desk.submit()
    await desk.draw_next()
    chat.failures.append(CLOSED)
    await relay_of(desk, chat).drain()
    chat.failures.clear()
    copy = await again(desk, chat)
    await films_of(desk).hide(1, MIA)
    await relay_of(desk, chat).drain()
    assert set(chat.messages) == {copy.message_id}
    assert chat.messages[copy.message_id].view.spoiler
    assert await desk.store.outbox_due() == []


async def test_a_request_is_seen_where_its_requester_has_a_copy(desk: Bench, chat: RecordingChat) -> None:
    await shown(desk, chat)
    films = films_of(desk)
    for member in (MIA, BEN):
        with pytest.raises(UnknownRequest, match="no film number 1"):
            await films.seen(1, member, PRIVATE)
    await again(desk, chat)
    assert (await films.seen(1, MIA, PRIVATE)).request_id == 1
    assert (await films.seen(1, BEN, HERE)).request_id == 1
    with pytest.raises(UnknownRequest, match="no film number 1"):
        await films.seen(1, BEN, PRIVATE)


async def test_a_refusal_is_said_in_the_language_the_member_last_came_with(desk: Bench) -> None:
    await desk.submit(member=replace(MIA, locale="it"))
    with pytest.raises(UnknownRequest, match="Qui non"):
        await films_of(desk).seen(9, replace(MIA, locale=""), HERE)
