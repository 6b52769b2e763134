"""What platforms ask of a relay: messages that stand already, films in two calls, closed rooms, budgets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from botkit.house import BEN, HERE, MIA, Bench, bench, gif
from botkit.recording import RecordingChat

from bot.chat import Chat, ChatUnavailable, PlaceClosed
from bot.relay import Relay
from storage.jobs import JobState, Member, MessageRef

PLACEHOLDER = MessageRef(platform="test", chat_id="room", message_id="1")


class Killed(BaseException):
    """The bot process ends here."""


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def chat() -> RecordingChat:
    return RecordingChat()


def relay_of(bench: Bench, *chats: RecordingChat) -> Relay:
    """A bot process: a second one knows only what the store knows."""
    served: dict[str, Chat] = {chat.platform: chat for chat in chats}
    return Relay(bench.store, bench.media, served, monotonic=lambda: bench.clock.ms / 1000)


async def adopted(desk: Bench, chat: RecordingChat, number: int = 1, **wish: Member) -> int:
    """A request whose status message the adapter has posted by itself."""
    ref = replace(PLACEHOLDER, message_id=str(number))
    status = await desk.submit(status_ref=ref, **wish)  # type: ignore[arg-type]
    chat.stands(ref)
    return status.request_id


async def test_a_message_that_stands_already_is_edited_and_none_is_posted(desk: Bench, chat: RecordingChat) -> None:
    await adopted(desk, chat)
    relay = relay_of(desk, chat)
    await relay.drain()
    assert chat.calls == ["edit 1"]
    await desk.draw_next()
    await relay.drain()
    assert chat.calls == ["edit 1", "deliver 1", "remove 1"]
    assert [message.film for message in chat.messages.values()] == [True]


async def test_a_placeholder_that_is_gone_is_posted_anew(desk: Bench, chat: RecordingChat) -> None:
    await adopted(desk, chat)
    chat.messages.clear()
    await relay_of(desk, chat).drain()
    assert chat.calls == ["edit 1", "post 1"]


@pytest.mark.parametrize(("step", "orphans"), [("line", 1), ("begun", 0), ("film", 0)])
async def test_a_bot_killed_while_a_film_takes_two_calls_leaves_one_film(
    desk: Bench, chat: RecordingChat, step: str, orphans: int
) -> None:
    chat.two_calls = True
    await adopted(desk, chat)
    await desk.draw_next()
    chat.deaths[step] = Killed()
    with pytest.raises(BaseExceptionGroup):
        await relay_of(desk, chat).drain()
    await relay_of(desk, chat).drain()
    assert [message.film for message in chat.messages.values()] == [False] * orphans + [True]
    assert chat.calls.count("line 1") == 1 + orphans
    assert await desk.store.outbox_due() == []


async def test_an_unavailable_platform_gets_its_film_into_the_line_that_stands(
    desk: Bench, chat: RecordingChat
) -> None:
    chat.two_calls = True
    await adopted(desk, chat)
    await desk.draw_next()
    chat.deaths["begun"] = ChatUnavailable("502")
    relay = relay_of(desk, chat)
    await relay.drain()
    desk.clock.ms += 1000
    await relay.drain()
    assert chat.calls == ["line 1", "film 1", "remove 1"]


async def test_a_line_whose_film_was_lost_meanwhile_goes(desk: Bench, chat: RecordingChat) -> None:
    chat.two_calls = True
    await adopted(desk, chat)
    done = await desk.draw_next()
    chat.deaths["begun"] = ChatUnavailable("502")
    relay = relay_of(desk, chat)
    await relay.drain()
    assert done.result is not None
    film = desk.media.path(done.result.film)
    whole = film.read_bytes()
    film.write_bytes(b"broken")
    desk.clock.ms += 1000
    await relay.drain()
    [message] = chat.messages.values()
    assert message.view.status.film_lost
    film.write_bytes(whole)


async def test_a_chat_that_says_when_to_come_again_is_asked_then(desk: Bench, chat: RecordingChat) -> None:
    await desk.submit()
    relay = relay_of(desk, chat)
    for after_s in (0.25, 300.0):
        chat.failures.append(ChatUnavailable("429", after_s=after_s))
        await relay.drain()
        desk.clock.ms += round(1000 * after_s) - 1
        await relay.drain()
        assert chat.calls == []
        desk.clock.ms += 1
    await relay.drain()
    assert chat.calls == ["post 1"]


async def test_a_film_for_a_closed_room_is_kept_and_its_member_is_told_once(desk: Bench, chat: RecordingChat) -> None:
    relay = relay_of(desk, chat)
    status = await desk.submit()
    await relay.drain()
    await desk.draw_next()
    chat.failures.extend(PlaceClosed("50001 Missing Access") for _ in range(2))
    await relay.drain()
    [(member, text)] = chat.told
    assert member == MIA
    assert "the fox turns" in text
    assert "/history" in text
    kept = await desk.store.status(status.request_id)
    assert (kept.state, kept.unreached, kept.purged) == (JobState.DONE, True, False)
    desk.clock.ms += 3_600_000
    await relay_of(desk, chat).drain()
    assert len(chat.told) == 1
    # The status could not say so itself: it must not promise a film for ever.
    assert chat.calls == ["post 1", "remove 1001"]


@pytest.mark.parametrize("two_calls", [False, True])
async def test_a_room_that_takes_words_and_no_film_is_left_with_one_message_that_says_so(
    desk: Bench, chat: RecordingChat, two_calls: bool
) -> None:
    chat.two_calls = two_calls
    relay = relay_of(desk, chat)
    await adopted(desk, chat)
    await relay.drain()
    await desk.draw_next()
    if two_calls:
        chat.deaths["begun"] = PlaceClosed("no copy is small enough")
    else:
        chat.failures.append(PlaceClosed("no copy is small enough"))
    await relay.drain()
    [message] = chat.messages.values()
    assert not message.film
    assert "/history" in message.view.text
    assert len(chat.told) == 1
    assert await desk.store.outbox_due() == []


async def test_a_failure_for_a_closed_room_is_told_with_its_reason(desk: Bench, chat: RecordingChat) -> None:
    relay = relay_of(desk, chat)
    await desk.submit()
    await relay.drain()
    for _ in range(2):
        await desk.start()
        await desk.store.engine_died("worker-1")
    chat.failures.append(PlaceClosed("kicked"))
    await relay.drain()
    [(_, text)] = chat.told
    assert "Nothing was charged" in text


async def test_a_member_who_cannot_be_told_either_finds_the_film_in_the_history(
    desk: Bench, chat: RecordingChat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> bool:
        raise ValueError("adapter bug")

    monkeypatch.setattr(RecordingChat, "tell", broken)
    await desk.submit()
    await desk.draw_next()
    chat.failures.append(PlaceClosed("blocked"))
    await relay_of(desk, chat).drain()
    assert "adapter bug" in caplog.text
    assert await desk.store.outbox_due() == []
    [film] = await desk.store.history(MIA)
    assert film.unreached


async def test_a_room_that_opens_again_gets_the_film_and_loses_its_old_status(desk: Bench, chat: RecordingChat) -> None:
    relay = relay_of(desk, chat)
    await desk.submit()
    await relay.drain()
    job = await desk.start()
    chat.failures.append(PlaceClosed("archived"))
    await relay.drain()
    assert chat.told == []
    await desk.finish(job)
    await relay.drain()
    assert [message.film for message in chat.messages.values()] == [True]
    assert chat.told == []


async def test_a_refresh_into_a_closed_room_owes_nothing(desk: Bench, chat: RecordingChat) -> None:
    relay = relay_of(desk, chat)
    await desk.submit()
    job = await desk.start()
    await relay.drain()
    calls = len(chat.calls)
    chat.failures.append(PlaceClosed("archived"))
    desk.clock.ms += 60_000
    await desk.report(job)
    await relay.drain()
    assert len(chat.calls) == calls
    assert not chat.failures
    await desk.finish(job)
    await relay.drain()
    assert [message.film for message in chat.messages.values()] == [True]


async def test_a_status_that_can_not_be_removed_does_not_bring_a_second_film(
    desk: Bench, chat: RecordingChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def closed(*_: object) -> None:
        raise PlaceClosed("no permission")

    relay = relay_of(desk, chat)
    await desk.submit()
    await relay.drain()
    await desk.draw_next()
    monkeypatch.setattr(RecordingChat, "remove", closed)
    await relay.drain()
    assert chat.calls.count("deliver 1") == 1
    assert chat.told == []
    assert await desk.store.outbox_due() == []


async def test_one_message_of_a_room_is_refreshed_at_a_time_and_within_its_budget(
    desk: Bench, chat: RecordingChat
) -> None:
    relay = relay_of(desk, chat)
    for number in range(5):
        await adopted(desk, chat, number + 1, member=replace(MIA, user_id=str(number)))
    job = await desk.start()
    await relay.drain()
    before = len(chat.calls)
    for second in range(60):
        desk.clock.ms += 1000
        await desk.report(job, section=second % 2, preview=desk.media.put_bytes(gif(1 + second % 20), ".gif"))
        if second == 10:
            await desk.store.cancel(5, by=replace(MIA, user_id="4"))
        await relay.drain()
    # 12 refreshes in 60 s, whoever they are of, and the cancelled one's ending.
    assert len(chat.calls) - before <= 13


async def test_everybody_in_a_room_has_their_place_refreshed_in_turn(desk: Bench, chat: RecordingChat) -> None:
    relay = relay_of(desk, chat)
    for number in range(4):
        await adopted(desk, chat, number + 1, member=replace(MIA, user_id=str(number)))
    await relay.drain()
    await desk.store.cancel(1, by=replace(MIA, user_id="0"))
    for _ in range(3):
        desk.clock.ms += 5000
        await relay.drain()
    texts = [chat.about(request_id)[0].view.text for request_id in (2, 3, 4)]
    assert [place in text for place, text in zip(("1st", "2nd", "3rd"), texts, strict=True)] == [True] * 3


async def test_other_rooms_have_budgets_of_their_own(desk: Bench, chat: RecordingChat) -> None:
    relay = relay_of(desk, chat)
    first = await desk.submit()
    await desk.submit(member=BEN)
    other = await desk.submit(member=BEN, place=replace(HERE, chat_id="other room"))
    await relay.drain()
    before = len(chat.calls)
    await desk.store.cancel(first.request_id, by=MIA)
    desk.clock.ms += 5000
    await relay.drain()
    assert sorted(chat.calls[before:]) == ["edit 1", "edit 2", f"edit {other.request_id}"]


async def test_a_refresh_that_hangs_lets_the_film_of_another_pass(desk: Bench, chat: RecordingChat) -> None:
    relay = relay_of(desk, chat)
    await desk.submit()
    await desk.submit(member=BEN)
    await relay.drain()
    job = await desk.start()
    await relay.drain()
    chat.hang_on = {"edit 2"}
    await desk.report(job, section=1)
    desk.clock.ms += 60_000
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(20):
        await desk.finish(job)
        while not any(message.film for message in chat.messages.values()):
            await desk.store.changed(timeout_s=1)
        chat.let_go()
        relay.stop()
        await running


async def test_a_film_that_is_covered_later_is_edited_in_its_place(desk: Bench, chat: RecordingChat) -> None:
    relay = relay_of(desk, chat)
    await desk.submit()
    await relay.drain()
    await desk.draw_next()
    await relay.drain()
    before = len(chat.calls)
    await desk.store.hide(1, by=BEN, everyone=True, votes=3)
    await relay.drain()
    assert chat.calls[before:] == ["edit 1"]
    [message] = chat.messages.values()
    assert message.view.spoiler
    assert message.view.media is not None
    assert await desk.store.outbox_due() == []


async def test_a_covered_film_that_was_deleted_is_not_brought_back(desk: Bench, chat: RecordingChat) -> None:
    relay = relay_of(desk, chat)
    await desk.submit()
    await desk.draw_next()
    await relay.drain()
    chat.messages.clear()
    await desk.store.hide(1, by=MIA, votes=3)
    await relay.drain()
    assert chat.messages == {}
    assert await desk.store.outbox_due() == []


async def test_a_film_covered_before_it_was_shown_comes_covered(desk: Bench, chat: RecordingChat) -> None:
    await desk.submit()
    await desk.draw_next()
    await desk.store.hide(1, by=MIA, votes=3)
    await relay_of(desk, chat).drain()
    [message] = chat.messages.values()
    assert message.film
    assert message.view.spoiler
    assert chat.calls.count("deliver 1") == 1


@pytest.mark.parametrize("two_calls", [False, True])
async def test_a_film_deleted_while_it_is_sent_does_not_stay_standing(
    desk: Bench, chat: RecordingChat, two_calls: bool
) -> None:
    chat.two_calls = two_calls
    chat.gate = asyncio.Event()
    await adopted(desk, chat)
    await desk.draw_next()
    sending = asyncio.create_task(relay_of(desk, chat).drain())
    while not chat.under_way:
        await desk.store.changed(timeout_s=1)
    for message in await desk.store.let_go(1, by=MIA):
        chat.messages.pop(message.message_id, None)
    chat.gate.set()
    await sending
    assert chat.messages == {}
    assert await desk.store.outbox_due() == []


async def test_a_film_forgotten_while_it_is_refreshed_is_remembered_nowhere(desk: Bench, chat: RecordingChat) -> None:
    relay = relay_of(desk, chat)
    await desk.submit()
    await desk.submit(member=BEN)
    job = await desk.start()
    await relay.drain()
    await desk.store.erase(MIA)
    desk.clock.ms += 60_000
    chat.calls.clear()
    await relay.drain()
    assert [call for call in chat.calls if call.endswith(" 1") and call.startswith("edit")] == []
    assert relay.refreshed == {2}
    assert job.claim.request_id == 1
