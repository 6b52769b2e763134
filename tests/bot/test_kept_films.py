"""Files that rotted, films that are no longer kept, persons who left: what members are told and never sent."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from botkit.house import BEN, HERE, MIA, Bench, bench
from botkit.recording import RecordingChat

from bot.chat import Action
from bot.desk import Asker, Desk
from bot.relay import Relay
from bot.wording import table
from bot.wording.views import history_line
from storage import keeping
from storage.errors import QueueFull, RequestRejected
from storage.jobs import JobState, Status
from storage.settings import DataSettings, EngineSettings, RetentionSettings, Settings

HOUR_MS = 3_600_000


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path / "data") as opened:
        yield opened


def desk_of(room: Bench) -> Desk:
    settings = Settings(data=DataSettings(folder=room.folder, free_bytes_min=0), engine=EngineSettings(model="tiny"))
    return Desk(room.store, room.media, room.readers, settings=settings, draw=random.Random(7))


def relay_of(room: Bench, chat: RecordingChat) -> Relay:
    return Relay(room.store, room.media, {chat.platform: chat}, monotonic=lambda: room.clock.now_ms() / 1000)


def asker(idem: str = "click:1") -> Asker:
    return Asker(member=MIA, place=HERE, idem=idem)


def flip(path: Path) -> None:
    """One bit, in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


async def done(room: Bench) -> Status:
    await room.submit()
    return await room.draw_next()


@pytest.mark.parametrize("missing", [False, True])
async def test_a_film_with_a_flipped_bit_is_never_sent_costs_nothing_and_can_be_had_again(
    room: Bench, missing: bool, caplog: pytest.LogCaptureFixture
) -> None:
    chat, desk = RecordingChat(), desk_of(room)
    await room.submit()
    await relay_of(room, chat).drain()
    status = await room.draw_next()
    assert status.result is not None
    path = room.media.path(status.result.film)
    path.unlink() if missing else flip(path)
    await relay_of(room, chat).drain()
    assert "deliver 1" not in chat.calls
    [message] = chat.messages.values()
    assert "damaged on the host's disk" in message.view.text
    assert message.view.actions == (Action.RETRY,)
    assert "film damaged before it was delivered" in caplog.text
    lost = await desk.status(1)
    assert (lost.film_lost, lost.charged_ms) == (True, 0)
    assert await room.store.outbox_due() == []

    again = await desk.retry(1, asker())
    assert (again.status.state, again.status.params) == (JobState.QUEUED, status.params)
    await room.draw_next()
    await relay_of(room, chat).drain()
    assert "deliver 2" in chat.calls


async def test_a_damaged_gif_does_not_keep_the_film_back(room: Bench) -> None:
    chat = RecordingChat()
    status = await done(room)
    assert status.result is not None
    assert status.result.gif is not None
    path = room.media.path(status.result.gif)
    whole = path.read_bytes()
    flip(path)
    await relay_of(room, chat).drain()
    [message] = chat.messages.values()
    assert (message.film, message.view.gif) == (True, None)
    path.write_bytes(whole)


async def test_a_disk_that_does_not_answer_puts_the_film_off_and_does_not_give_it_up(
    room: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = RecordingChat()
    await done(room)

    def silent(_blob: object) -> bool:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(room.media, "damaged", silent)
        await relay_of(room, chat).drain()
    assert not (await room.store.status(1)).film_lost
    room.clock.ms += HOUR_MS
    await relay_of(room, chat).drain()
    assert "deliver 1" in chat.calls


async def test_a_damaged_picture_or_film_is_not_used_again(room: Bench) -> None:
    desk = desk_of(room)
    status = await done(room)
    assert status.result is not None
    picture, film = room.media.path(status.params.picture), room.media.path(status.result.film)
    whole = picture.read_bytes(), film.read_bytes()
    flip(picture)
    with pytest.raises(RequestRejected, match="no longer kept"):
        await desk.reroll(1, asker())
    picture.write_bytes(whole[0])
    flip(film)
    with pytest.raises(RequestRejected, match="no longer kept"):
        await desk.extend(1, asker())
    film.write_bytes(whole[1])
    assert len(await desk.history(MIA)) == 1


async def test_a_purged_film_is_listed_as_such_and_refused_clearly(room: Bench) -> None:
    desk = desk_of(room)
    await done(room)
    await relay_of(room, RecordingChat()).drain()
    room.clock.ms += 31 * 24 * HOUR_MS
    assert await room.store.purge(RetentionSettings()) == 1
    [status] = await desk.history(MIA)
    assert history_line(table("en"), status) == "“the fox turns” · 2.4 s · no longer kept"
    assert history_line(table("it"), status).endswith(" · non più conservato")
    for wish in (desk.reroll(1, asker()), desk.extend(1, asker())):
        with pytest.raises(RequestRejected, match="files of film 1 are no longer kept"):
            await wish


async def test_a_trimmed_film_can_be_extended_but_not_drawn_anew(room: Bench) -> None:
    desk = desk_of(room)
    await done(room)
    await relay_of(room, RecordingChat()).drain()
    room.clock.ms += 25 * HOUR_MS
    assert await room.store.purge(RetentionSettings()) == 1
    with pytest.raises(RequestRejected, match="files of film 1 are no longer kept"):
        await desk.reroll(1, asker())
    assert (await desk.extend(1, asker())).status.parent_id == 1
    [_, status] = await desk.history(MIA)
    assert "no longer kept" not in history_line(table("en"), status)


async def test_a_picture_that_is_used_again_is_not_swept_before_its_row_is_there(
    room: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of the parent go while its child is being accepted; the sweep comes before the child's row."""
    desk = desk_of(room)
    status = await room.submit()
    await room.store.cancel(status.request_id, by=MIA)
    await relay_of(room, RecordingChat()).drain()
    picture = room.media.path(status.params.picture)
    room.clock.ms = picture.stat().st_mtime_ns // 1_000_000 + 25 * HOUR_MS
    import os

    old_s = room.clock.ms / 1000 - 25 * 3600
    os.utime(picture, (old_s, old_s))
    submit = room.store.submit

    async def purged_meanwhile(request: object, **rules: object) -> Status:
        # `keep` stamped it with the machine's own time, as a real sweep's clock would have it.
        now_ms = picture.stat().st_mtime_ns // 1_000_000 + 1000
        await room.store.purge(RetentionSettings())
        room.clock.ms = now_ms
        await keeping.sweep(room.store, room.media, room.clock)
        return await submit(request, **rules)  # type: ignore[arg-type]

    monkeypatch.setattr(room.store, "submit", purged_meanwhile)
    child = (await desk.retry(1, asker())).status
    assert room.media.verify(child.params.picture)


async def test_the_disk_must_hold_the_largest_film_twice(room: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = desk_of(room)
    await done(room)
    largest = await room.store.largest_result_bytes()
    assert largest > 0
    monkeypatch.setattr("bot.desk._free_bytes", lambda _folder: 2 * largest - 1)
    with pytest.raises(QueueFull, match="nearly full"):
        await desk.reroll(1, asker())
    monkeypatch.setattr("bot.desk._free_bytes", lambda _folder: 2 * largest)
    await desk.reroll(1, asker())


async def test_an_erased_persons_messages_are_named_and_go_and_nothing_more_is_posted(room: Bench) -> None:
    chat, desk = RecordingChat(), desk_of(room)
    await room.submit()
    await relay_of(room, chat).drain()
    await room.submit(member=BEN)
    [message] = chat.messages.values()
    erased = await room.store.erase(MIA)
    assert (erased.requests, erased.cancelled, erased.messages) == ((1,), (1,), (message.ref,))
    await relay_of(room, chat).drain()
    assert chat.calls == ["post 1", "post 2", f"remove {message.ref.message_id}"]
    assert await desk.history(MIA) == []
    assert len(await desk.history(BEN)) == 1
