"""An erased person is gone from everything in the data folder, also from what others made of their films."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import av
import pytest
from botkit.house import BEN, HERE, Bench, bench, png, write_film

from bot.chat import Incoming
from bot.desk import Asker, Desk
from bot.mending import _of_erasure  # pyright: ignore[reportPrivateUsage]
from storage.backups import back_up
from storage.database import BACKUP_FOLDER
from storage.errors import RequestRejected, UnknownRequest
from storage.jobs import GONE, JobState, Member, MessageRef, RequestKind, Result, Section, Status, frame_count
from storage.jobs import Request as Wish
from storage.keeping import scrub
from storage.settings import DataSettings, EngineSettings, RerollSettings, Settings
from storage.store import MessageKind

WORDS = "zanzibar quicksilver"
MIA = Member(platform=HERE.platform, user_id="900719925474099267", name="Mia Zweigelt")
SECRETS = (WORDS.encode(), MIA.name.encode(), MIA.user_id.encode())


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path / "data") as opened:
        yield opened


def desk_of(room: Bench) -> Desk:
    settings = Settings(
        data=DataSettings(folder=room.folder, free_bytes_min=0),
        engine=EngineSettings(model="tiny"),
        reroll=RerollSettings(cooldown_s=0),
    )
    return Desk(room.store, room.media, room.readers, settings=settings, draw=random.Random(7))


def ben(idem: str) -> Asker:
    return Asker(member=BEN, place=HERE, idem=idem)


def message(number: int) -> MessageRef:
    return MessageRef(platform=HERE.platform, chat_id=HERE.chat_id, message_id=str(number))


async def drawn(room: Bench) -> Status:
    """A film whose tags say its words, as the engine's do, shown in a chat."""
    job = await room.start()
    file = room.folder / "tagged.mp4"
    sections = len(job.sections) or 2
    for index in range(sections):
        checkpoint = room.media.put_bytes(f"{job.claim} {index}".encode(), ".ckpt")
        await room.store.save_section(job.claim, Section(index=index, checkpoint=checkpoint, gpu_ms=10))
    write_film(room.folder / "plain.mp4", frames=frame_count(sections))
    with av.open(room.folder / "plain.mp4") as plain, av.open(file, "w") as tagged:
        tagged.metadata.update({"title": job.params.prompt, "description": job.params.prompt})
        stream = tagged.add_stream_from_template(plain.streams.video[0])
        for packet in plain.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                tagged.mux(packet)
    (room.folder / "plain.mp4").unlink()
    result = Result(
        film=room.media.put_file(file),
        gif=None,
        poster=room.media.put_bytes(png(), ".png"),
        width=64,
        height=64,
        frames=frame_count(sections),
        gpu_ms=20,
    )
    return await room.store.complete(job.claim, result)


async def shown(room: Bench, status: Status) -> Status:
    await room.store.message_posted(status.request_id, MessageKind.FILM, message(status.request_id), status.rev)
    await room.store.outbox_sent(status.request_id, status.rev)
    return status


def holding(folder: Path, secrets: tuple[bytes, ...]) -> list[str]:
    """Files in the folder, of whatever kind, that hold one of these."""
    return [
        f"{path.relative_to(folder)}: {secret!r}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for secret in secrets
        if secret in path.read_bytes()
    ]


async def test_rerolls_by_others_keep_neither_words_nor_picture_nor_film(room: Bench) -> None:
    desk = desk_of(room)
    asked = Incoming(idem="a", member=MIA, place=HERE, picture=png((9, 8, 7)), prompt=WORDS, seconds="2.4")
    first = (await desk.submit(asked)).status
    await shown(room, await drawn(room))
    # 2 a reroll that is shown, 3 one of that with words of Ben's own, 4 one that nobody has seen yet, 5 one that is
    # being drawn, 6 one that waits; 7 is Ben's alone.
    second = (await desk.reroll(1, ben("b"))).status
    await shown(room, await drawn(room))
    await desk.reroll(2, ben("c"), prompt="a boat")
    await shown(room, await drawn(room))
    await desk.reroll(2, ben("d"))
    await drawn(room)
    await desk.reroll(1, ben("e"))
    job = await room.start()
    await room.store.save_section(
        job.claim, Section(index=0, checkpoint=room.media.put_bytes(b"half", ".ckpt"), gpu_ms=5)
    )
    await desk.reroll(3, ben("f"))
    own = (
        await desk.submit(Incoming(idem="g", member=BEN, place=HERE, picture=png((1, 2, 3)), prompt="a kite"))
    ).status
    before = await back_up(room.database, room.folder / BACKUP_FOLDER, room.clock)
    assert before.exists()
    assert holding(room.folder, SECRETS[:1])
    paid = (await room.store.allowance(BEN, HERE.community_id)).left_ms

    erased = await room.store.erase(MIA)
    assert (erased.requests, erased.derived) == ((1,), (2, 3, 4, 5, 6))
    assert {ref.message_id for ref in erased.messages} == {"1", "2", "3"}
    assert "Made of these by others, and taken away too: 5 (2, 3, 4, 5, 6)." in list(_of_erasure(erased, []))
    # What Ben has seen he has had; what was open or had not come to its chat costs nothing.
    statuses = [await room.store.status(number) for number in range(1, 8)]
    assert [status.charged_ms for status in statuses] == [2400, 2400, 2400, 0, 0, 0, own.charged_ms]
    assert (await room.store.allowance(BEN, HERE.community_id)).left_ms == paid + 3 * 2400
    assert [status.state for status in statuses[4:]] == [JobState.CANCELLED, JobState.CANCELLED, JobState.QUEUED]
    assert all(
        status.purged and status.params.prompt == "" and status.params.picture == GONE for status in statuses[:6]
    )
    assert (statuses[6].params.prompt, statuses[1].member) == ("a kite", BEN)

    # Chats still hold them until the relay has taken the messages away; then nothing in the folder does.
    for ref in erased.messages:
        await room.store.removed(ref)
    for path in room.media.folder.rglob("*"):
        os.utime(path, (room.clock.now_ms() / 1000 - 61, room.clock.now_ms() / 1000 - 61))
    room.clock.ms += 61_000  # type: ignore[attr-defined]
    assert await scrub(room.store, room.database, room.media, room.folder, room.clock) == []
    assert holding(room.folder, SECRETS) == []
    assert not any(room.media.path(it.params.picture).exists() for it in (first, second))
    assert room.media.verify(own.params.picture)


async def test_who_tried_somebodys_failed_film_again_is_found_too(room: Bench) -> None:
    desk = desk_of(room)
    asked = Incoming(idem="a", member=MIA, place=HERE, picture=png(), prompt=WORDS, seconds="2.4")
    await desk.submit(asked)
    await desk.cancel(1, MIA)
    again = (await desk.retry(1, ben("b"))).status
    assert (again.kind, again.parent_id) == (RequestKind.NEW, 1)
    assert (await room.store.erase(MIA)).derived == (2,)
    assert (await room.store.status(2)).params.prompt == ""


async def test_nothing_is_made_of_what_was_erased_a_moment_ago(room: Bench) -> None:
    desk = desk_of(room)
    await desk.submit(Incoming(idem="a", member=MIA, place=HERE, picture=png(), prompt=WORDS, seconds="2.4"))
    done = await shown(room, await drawn(room))
    await desk.reroll(1, ben("b"))
    of_ben = await shown(room, await drawn(room))
    await room.store.erase(MIA)
    with pytest.raises(RequestRejected):
        await desk.reroll(2, ben("c"))
    # Both had looked at the film before it was erased.
    for number, parent in ((1, done), (2, of_ben)):
        late = Wish(
            idem=f"late {number}",
            member=BEN,
            place=HERE,
            params=parent.params,
            kind=RequestKind.REROLL,
            parent_id=number,
        )
        with pytest.raises(UnknownRequest):
            await room.store.submit(late)
