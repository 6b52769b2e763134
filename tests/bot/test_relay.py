from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from botkit.house import BEN, HERE, MIA, Bench, bench, gif
from botkit.recording import RecordingChat, unavailable

from bot.chat import Chat, MessageGone
from bot.relay import ABSENT_RETRY_MS, AT_ONCE_PER_PLATFORM, AT_ONCE_PER_ROOM, RETRY_MS_MAX, Relay
from bot.wording.views import ACTIONS
from storage.jobs import JobState, Member, Place
from storage.store import OutboxItem


class Killed(BaseException):
    """The bot process ends here."""


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def chat() -> RecordingChat:
    return RecordingChat()


def relay_of(bench: Bench, chat: RecordingChat) -> Relay:
    """A bot process: a second one knows only what the store knows."""
    chats: dict[str, Chat] = {chat.platform: chat}
    return Relay(bench.store, bench.media, chats, monotonic=lambda: bench.clock.ms / 1000)


async def test_a_request_has_one_status_message_that_is_edited_and_then_gives_way_to_the_film(
    desk: Bench, chat: RecordingChat
) -> None:
    relay = relay_of(desk, chat)
    status = await desk.submit()
    await relay.drain()
    [message] = chat.messages.values()
    assert message.view.status.state is JobState.QUEUED
    job = await desk.start()
    await relay.drain()
    assert chat.messages[message.ref.message_id].view.status.state is JobState.RUNNING
    await desk.finish(job)
    await relay.drain()
    [film] = chat.messages.values()
    assert film.film
    assert film.view.mention == MIA
    assert film.view.gif is not None
    assert film.view.actions == ACTIONS[JobState.DONE]
    assert chat.calls == ["post 1", "edit 1", "deliver 1", f"remove {message.ref.message_id}"]
    await relay.drain()
    assert len(chat.calls) == 4
    assert await desk.store.request_of(film.ref) == status.request_id


async def test_only_the_newest_of_several_revisions_is_shown(desk: Bench, chat: RecordingChat) -> None:
    await desk.submit()
    job = await desk.start()
    await desk.store.release(job.claim)
    await desk.start()
    await relay_of(desk, chat).drain()
    assert chat.texts()[0].startswith("⏳")
    assert chat.calls.count("post 1") == 1
    assert await desk.store.outbox_due() == []


@pytest.mark.parametrize("state", [JobState.CANCELLED, JobState.EXPIRED])
async def test_other_endings_stay_as_the_last_edit_of_the_status(
    desk: Bench, chat: RecordingChat, state: JobState
) -> None:
    relay = relay_of(desk, chat)
    status = await desk.submit()
    await relay.drain()
    if state is JobState.CANCELLED:
        await desk.store.cancel(status.request_id, by=MIA)
    else:
        desk.clock.ms += 1000 * 3_600_000
        await desk.store.expire()
    await relay.drain()
    [message] = chat.messages.values()
    assert message.view.status.state is state
    assert not message.film


async def test_a_film_that_ends_before_any_message_was_posted_is_one_message(desk: Bench, chat: RecordingChat) -> None:
    await desk.submit()
    await desk.draw_next()
    await relay_of(desk, chat).drain()
    [message] = chat.messages.values()
    assert message.film


async def test_a_status_posted_by_a_bot_that_was_killed_gives_way_to_a_film_that_was_drawn_meanwhile(
    desk: Bench, chat: RecordingChat
) -> None:
    await desk.submit()
    chat.after_posting.append(Killed())
    with pytest.raises(BaseExceptionGroup):
        await relay_of(desk, chat).drain()
    await desk.draw_next()
    await relay_of(desk, chat).drain()
    [message] = chat.messages.values()
    assert message.film


@pytest.mark.parametrize("moved_on", [False, True])
async def test_a_bot_killed_between_post_and_commit_leaves_one_message(
    desk: Bench, chat: RecordingChat, moved_on: bool
) -> None:
    await desk.submit()
    chat.after_posting.append(Killed())
    with pytest.raises(BaseExceptionGroup):
        await relay_of(desk, chat).drain()
    assert len(chat.messages) == 1
    if moved_on:
        await desk.start()
    await relay_of(desk, chat).drain()
    [message] = chat.messages.values()
    assert message.view.status.state is (JobState.RUNNING if moved_on else JobState.QUEUED)


async def test_a_bot_killed_between_delivery_and_commit_leaves_one_film_and_no_status(
    desk: Bench, chat: RecordingChat
) -> None:
    await desk.submit()
    await relay_of(desk, chat).drain()
    await desk.draw_next()
    chat.after_posting.append(Killed())
    with pytest.raises(BaseExceptionGroup):
        await relay_of(desk, chat).drain()
    await relay_of(desk, chat).drain()
    [message] = chat.messages.values()
    assert message.film
    assert await desk.store.outbox_due() == []


async def test_a_bot_killed_between_delivery_and_removal_removes_the_status_later(
    desk: Bench, chat: RecordingChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.submit()
    await relay_of(desk, chat).drain()
    await desk.draw_next()

    async def killed(_ref: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(RecordingChat, "remove", lambda _self, ref: killed(ref))
        with pytest.raises(BaseExceptionGroup):
            await relay_of(desk, chat).drain()
    assert len(chat.messages) == 2
    await relay_of(desk, chat).drain()
    [message] = chat.messages.values()
    assert message.film
    assert sum(call.startswith("deliver") for call in chat.calls) == 1


async def test_a_deleted_status_is_posted_anew(desk: Bench, chat: RecordingChat) -> None:
    relay = relay_of(desk, chat)
    await desk.submit()
    await relay.drain()
    for expected in (JobState.RUNNING, JobState.QUEUED):
        chat.messages.clear()
        if expected is JobState.RUNNING:
            job = await desk.start()
        else:
            await desk.store.release(job.claim)
        await relay.drain()
        [message] = chat.messages.values()
        assert message.view.status.state is expected
        assert (await desk.store.live_messages())[1] == message.ref


async def test_a_status_that_somebody_deleted_does_not_hold_up_the_film(desk: Bench, chat: RecordingChat) -> None:
    relay = relay_of(desk, chat)
    await desk.submit()
    await relay.drain()
    chat.messages.clear()
    await desk.draw_next()
    await relay.drain()
    assert [message.film for message in chat.messages.values()] == [True]


async def test_an_unavailable_platform_is_asked_again_after_waits_that_grow_to_a_bound(
    desk: Bench, chat: RecordingChat
) -> None:
    relay = relay_of(desk, chat)
    await desk.submit()
    for wait_ms in (1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, RETRY_MS_MAX, RETRY_MS_MAX):
        chat.failures.append(unavailable())
        await relay.drain()
        assert chat.calls == []
        desk.clock.ms += wait_ms - 1
        assert await desk.store.outbox_due() == []
        desk.clock.ms += 1
        assert len(await desk.store.outbox_due()) == 1
    await relay.drain()
    assert chat.calls == ["post 1"]


async def test_a_mistake_in_one_message_does_not_silence_the_others(
    desk: Bench, chat: RecordingChat, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.submit()
    await desk.submit()
    chat.failures.append(ValueError("adapter bug"))
    await relay_of(desk, chat).drain()
    assert len(chat.messages) == 1
    assert "adapter bug" in caplog.text
    desk.clock.ms += 1000
    await relay_of(desk, chat).drain()
    assert len(chat.messages) == 2


async def test_an_absent_platform_leaves_its_outbox_waiting_and_others_served(desk: Bench, chat: RecordingChat) -> None:
    elsewhere = Place(platform="absent", community_id="guild", chat_id="room")
    stranger = Member(platform="absent", user_id="1", name="sol")
    await desk.submit(member=stranger, place=elsewhere)
    await desk.submit()
    relay = relay_of(desk, chat)
    await relay.drain()
    assert chat.calls == ["post 2"]
    desk.clock.ms += ABSENT_RETRY_MS
    other = RecordingChat(platform="absent")
    await relay_of(desk, other).drain()
    assert other.calls == ["post 1"]


async def test_progress_is_edited_within_the_platforms_limits_and_the_newest_wins(
    desk: Bench, chat: RecordingChat
) -> None:
    relay = relay_of(desk, chat)
    await desk.submit()
    job = await desk.start()
    await relay.drain()
    edits = len(chat.calls)
    for second in range(1, 21):
        desk.clock.ms += 1000
        preview = desk.media.put_bytes(gif(1 + second), ".gif")
        await desk.report(job, section=second % 2, preview=preview)
        await relay.drain()
    assert len(chat.calls) - edits <= 4
    [message] = chat.messages.values()
    assert "Part" in message.view.text


async def test_an_eager_chat_does_not_hurry_another(desk: Bench, chat: RecordingChat) -> None:
    eager = RecordingChat(platform="eager", limits=replace(chat.limits, edit_interval_s=0.1))
    chats: dict[str, Chat] = {"test": chat, "eager": eager}
    relay = Relay(desk.store, desk.media, chats, monotonic=lambda: desk.clock.ms / 1000)
    await desk.submit()
    job = await desk.start()
    await relay.drain()
    before = len(chat.calls)
    for tenth in range(1, 50):
        desk.clock.ms += 100
        await desk.report(job, section=tenth % 2)
        await relay.drain()
    assert len(chat.calls) == before


async def test_previews_keep_a_longer_distance_than_words(desk: Bench, chat: RecordingChat) -> None:
    relay = relay_of(desk, chat)
    await desk.submit()
    job = await desk.start()
    await relay.drain()
    shown: list[tuple[int, bool]] = []
    for second in range(0, 40, 5):
        desk.clock.ms += 5000
        await desk.report(job, section=(second // 5) % 2, preview=desk.media.put_bytes(gif(1 + second), ".gif"))
        before = len(chat.calls)
        await relay.drain()
        if len(chat.calls) > before:
            [message] = chat.messages.values()
            shown.append((second, message.view.media is not None))
    assert len(shown) == 8
    with_media = [second for second, media in shown if media]
    assert all(later - earlier >= 15 for earlier, later in pairwise(with_media))
    assert len(with_media) >= 2


async def test_a_place_in_the_queue_is_kept_up_to_date_without_a_transition_of_its_own(
    desk: Bench, chat: RecordingChat
) -> None:
    relay = relay_of(desk, chat)
    first = await desk.submit()
    second = await desk.submit()
    await relay.drain()
    assert "2nd" in chat.about(second.request_id)[0].view.text
    await desk.store.cancel(first.request_id, by=MIA)
    desk.clock.ms += 5000
    await relay.drain()
    assert "1st" in chat.about(second.request_id)[0].view.text


async def test_after_a_restart_the_status_messages_of_open_requests_stay_live(desk: Bench, chat: RecordingChat) -> None:
    await desk.submit()
    job = await desk.start()
    await relay_of(desk, chat).drain()
    await desk.report(job, section=1)
    await relay_of(desk, chat).drain()
    [message] = chat.messages.values()
    assert "Part 2 of 2" in message.view.text


async def test_a_status_deleted_while_drawing_is_posted_anew_each_time(desk: Bench, chat: RecordingChat) -> None:
    relay = relay_of(desk, chat)
    await desk.submit()
    job = await desk.start()
    await relay.drain()
    for section in (0, 1, 0):
        chat.messages.clear()
        desk.clock.ms += 5000
        await desk.report(job, section=section)
        await relay.drain()
        [message] = chat.messages.values()
        assert f"Part {section + 1}" in message.view.text
    await desk.finish(job)
    await relay.drain()
    assert [message.film for message in chat.messages.values()] == [True]


async def test_declined_progress_edits_are_dropped_not_queued(desk: Bench, chat: RecordingChat) -> None:
    relay = relay_of(desk, chat)
    await desk.submit()
    job = await desk.start()
    await relay.drain()
    calls = len(chat.calls)
    chat.failures.append(unavailable())
    desk.clock.ms += 5000
    await desk.report(job)
    await relay.drain()
    assert not chat.failures
    desk.clock.ms += 5000
    await desk.report(job, section=1)
    await relay.drain()
    assert len(chat.calls) == calls
    await desk.finish(job)
    await relay.drain()
    assert chat.calls[calls] == "deliver 1"


async def test_a_running_relay_shows_transitions_as_they_are_committed_and_flushes_when_stopped(
    desk: Bench, chat: RecordingChat
) -> None:
    relay = relay_of(desk, chat)
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(20):
        await desk.submit()
        while not chat.messages:
            await desk.store.changed(timeout_s=1)
        await desk.draw_next()
        relay.stop()
        await running
    assert [message.film for message in chat.messages.values()] == [True]
    assert await desk.store.outbox_due() == []


async def test_a_relay_that_is_stopped_shows_what_is_due_before_it_ends(desk: Bench, chat: RecordingChat) -> None:
    await desk.submit()
    relay = relay_of(desk, chat)
    relay.stop()
    await asyncio.wait_for(relay.run(), 20)
    assert chat.calls == ["post 1"]


async def test_an_outbox_read_while_its_film_was_being_delivered_does_not_deliver_it_twice(
    desk: Bench, chat: RecordingChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat.knows_nonces = False
    chat.gate = asyncio.Event()
    await desk.submit()
    await desk.draw_next()
    due = desk.store.outbox_due
    reads = 0

    async def stale_once(*, limit: int = 50) -> list[OutboxItem]:
        nonlocal reads
        reads += 1
        items = await due(limit=limit)
        if reads == 2:
            assert items
            chat.gate.set()
            while await due(limit=limit):
                await desk.store.changed(timeout_s=1)
        return items

    monkeypatch.setattr(desk.store, "outbox_due", stale_once)
    relay = relay_of(desk, chat)
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(20):
        while reads < 3:
            await desk.store.changed(timeout_s=1)
        relay.stop()
        await running
    assert chat.calls.count("deliver 1") == 1


async def test_a_slow_platform_holds_up_neither_another_nor_the_loop(desk: Bench, chat: RecordingChat) -> None:
    slow = RecordingChat(platform="slow", gate=asyncio.Event())
    for number in range(20):
        place = Place(platform="slow", community_id="guild", chat_id=f"room {number}")
        await desk.submit(member=Member(platform="slow", user_id=str(number), name="sol"), place=place)
    chats: dict[str, Chat] = {"slow": slow, "test": chat}
    relay = Relay(desk.store, desk.media, chats)
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(20):
        while slow.under_way < AT_ONCE_PER_PLATFORM:
            await desk.store.changed(timeout_s=1)
        await desk.submit(place=HERE)
        while not chat.messages:
            await desk.store.changed(timeout_s=1)
        assert slow.gate is not None
        slow.gate.set()
        relay.stop()
        await running
    assert slow.most_under_way == AT_ONCE_PER_PLATFORM
    posts = [call for call in slow.calls if call.startswith("post")]
    assert sorted(posts) == sorted(f"post {number}" for number in range(1, 21))
    assert len(slow.messages) == 20


async def test_a_slow_room_holds_up_no_ending_of_another(desk: Bench, chat: RecordingChat) -> None:
    chat.hang_on = {f"post {number}" for number in range(1, 6)}
    for number in range(5):
        await desk.submit(member=replace(MIA, user_id=str(number)), place=replace(HERE, chat_id="slow room"))
    relay = Relay(desk.store, desk.media, {"test": chat})
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(20):
        while chat.under_way < AT_ONCE_PER_ROOM:
            await desk.store.changed(timeout_s=1)
        other = await desk.submit(member=BEN)
        await desk.store.cancel(other.request_id, by=BEN)
        while not chat.about(other.request_id):
            await desk.store.changed(timeout_s=1)
        assert chat.under_way == AT_ONCE_PER_ROOM
        chat.let_go()
        relay.stop()
        await running
    assert len(chat.messages) == 6


async def test_a_gone_message_on_removal_is_no_failure(
    desk: Bench, chat: RecordingChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = relay_of(desk, chat)
    await desk.submit()
    await relay.drain()
    await desk.draw_next()

    async def gone(_self: RecordingChat, _ref: object) -> None:
        raise MessageGone

    monkeypatch.setattr(RecordingChat, "remove", gone)
    await relay.drain()
    assert await desk.store.outbox_due() == []
