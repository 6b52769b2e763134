"""A backup in the database's place: nothing is deleted, nothing pretends to be whole that is not, the gap is told."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from storagekit.clock import ManualClock
from storagekit.films import MIA, begin, draw_all, film, message, wish

from storage.backups import back_up
from storage.database import BACKUP_FOLDER, FILE_NAME, Database
from storage.errors import DatabaseRefused
from storage.invariants import violations
from storage.jobs import GONE, Blob, FilmParams, JobState, Section, Status
from storage.lock import hold
from storage.media import Media
from storage.restore import UNKNOWN_IDS, restore
from storage.settings import DataSettings, QueueSettings, QuotaSettings, Settings
from storage.store import MessageKind, Store


@pytest.fixture
def kind() -> str:
    """A server's backups are its owner's."""
    return "sqlite"


@dataclass(slots=True)
class Room:
    folder: Path
    clock: ManualClock
    media: Media
    settings: Settings

    async def open(self) -> tuple[Database, Store]:
        database = await Database.open(self.folder)
        return database, Store(database, clock=self.clock, queue=QueueSettings(), quota=QuotaSettings())

    def params(self, idem: str) -> FilmParams:
        return replace(wish(idem).params, picture=self.media.put_bytes(f"picture {idem}".encode(), ".png"))

    async def submit(self, store: Store, idem: str) -> int:
        return (await store.submit(replace(wish(idem), params=self.params(idem)))).request_id

    async def draw(self, store: Store, *, shown: bool) -> tuple[int, Blob]:
        """The next film, with files that are there."""
        job = await begin(store)
        request_id = job.claim.request_id
        for index in range(2):
            await store.save_section(job.claim, self.section(request_id, index))
        made = self.media.put_bytes(f"film {request_id}".encode(), ".mp4")
        poster = self.media.put_bytes(f"poster {request_id}".encode(), ".png")
        await store.complete(job.claim, replace(film(request_id), film=made, gif=None, poster=poster))
        if shown:
            await store.message_posted(request_id, MessageKind.FILM, message(request_id), 3)
            await store.outbox_sent(request_id, 3)
        return request_id, made

    def section(self, request_id: int, index: int) -> Section:
        checkpoint = self.media.put_bytes(f"section {request_id}/{index}".encode(), ".safetensors")
        return Section(index=index, checkpoint=checkpoint, gpu_ms=1)

    async def status(self, request_id: int) -> Status:
        database, store = await self.open()
        async with database:
            return await store.status(request_id)

    def damage(self) -> bytes:
        """Overwrite the middle of the database file; its bytes."""
        path = self.folder / FILE_NAME
        data = bytearray(path.read_bytes())
        data[4096:] = b"\xa5" * (len(data) - 4096)
        path.write_bytes(data)
        return bytes(data)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    folder = tmp_path / "data"
    settings = Settings(data=DataSettings(folder=folder))
    return Room(folder=folder, clock=ManualClock(), media=Media(folder), settings=settings)


async def whole(room: Room) -> bool:
    database, _ = await room.open()
    async with database:
        return await violations(database, room.media) == []


async def test_a_damaged_database_gives_way_to_the_newest_backup(room: Room) -> None:
    database, store = await room.open()
    async with database:
        await room.submit(store, "1")
        backup = await back_up(database, room.folder / BACKUP_FOLDER, room.clock)
        await room.submit(store, "2")
    ruin = room.damage()
    with pytest.raises(DatabaseRefused, match="flipbook restore"):
        await Database.open(room.folder)

    room.clock.pass_s(60)
    restored = await restore(room.settings, room.clock)
    assert restored.backup == backup
    assert (restored.aside / FILE_NAME).read_bytes() == ruin
    assert restored.gap.unread
    assert (await room.status(1)).state is JobState.QUEUED
    assert await whole(room)
    # The picture of the second request is nobody's any more; it is kept with the old database.
    assert restored.files_aside == 1
    assert len(list((restored.aside / "media").glob("*/*"))) == 1
    database, store = await room.open()
    async with database:
        # Numbers that the old database may have given away are never used again.
        assert await room.submit(store, "3") == 1 + UNKNOWN_IDS + 1


async def test_the_gap_is_told_where_the_old_database_can_be_read(room: Room) -> None:
    database, store = await room.open()
    async with database:
        await room.submit(store, "1")
        await room.submit(store, "2")
        await back_up(database, room.folder / BACKUP_FOLDER, room.clock)
        await room.draw(store, shown=True)
        await room.submit(store, "3")
        await room.submit(store, "4")
    restored = await restore(room.settings, room.clock)
    assert (restored.gap.accepted, restored.gap.changed, restored.gap.unread) == ((3, 4), (1,), "")
    database, store = await room.open()
    async with database:
        assert await room.submit(store, "5") == 5
    assert await whole(room)


async def test_what_only_the_journal_held_belongs_to_the_old_database(room: Room) -> None:
    database, store = await room.open()
    async with database:
        await back_up(database, room.folder / BACKUP_FOLDER, room.clock)
        await room.submit(store, "1")
        copies = {path.name: path.read_bytes() for path in room.folder.glob(f"{FILE_NAME}*")}
    for name, data in copies.items():
        (room.folder / name).write_bytes(data)
    restored = await restore(room.settings, room.clock)
    assert restored.gap.accepted == (1,)
    assert {path.name for path in restored.aside.glob(f"{FILE_NAME}*")} == set(copies)
    database, store = await room.open()
    async with database:
        assert await store.history(MIA) == []


async def test_backups_that_are_damaged_too_are_passed_over(room: Room) -> None:
    database, store = await room.open()
    async with database:
        await room.submit(store, "1")
        good = await back_up(database, room.folder / BACKUP_FOLDER, room.clock)
        room.clock.pass_s(86_400)
        bad = await back_up(database, room.folder / BACKUP_FOLDER, room.clock)
    bad.write_bytes(b"no database at all" * 400)
    room.damage()
    restored = await restore(room.settings, room.clock)
    assert restored.backup == good
    [said] = restored.passed_over
    assert bad.name in said


async def test_without_a_backup_that_serves_nothing_is_changed(room: Room) -> None:
    database, _ = await room.open()
    async with database:
        bad = await back_up(database, room.folder / BACKUP_FOLDER, room.clock)
    bad.write_bytes(bad.read_bytes()[:8192])
    ruin = room.damage()
    with pytest.raises(DatabaseRefused, match=r"no backup in .* nothing was changed"):
        await restore(room.settings, room.clock)
    with pytest.raises(DatabaseRefused, match="This backup cannot serve"):
        await restore(room.settings, room.clock, bad)
    with pytest.raises(DatabaseRefused, match="There is no backup"):
        await restore(room.settings, room.clock, room.folder / "absent.db")
    assert (room.folder / FILE_NAME).read_bytes() == ruin
    assert list(room.folder.glob("aside-*")) == []


@pytest.mark.parametrize("copies", [0, 1])
async def test_without_room_for_it_nothing_is_changed(room: Room, copies: int, monkeypatch: pytest.MonkeyPatch) -> None:
    database, _ = await room.open()
    async with database:
        await back_up(database, room.folder / BACKUP_FOLDER, room.clock)
    ruin, copyfile, left = room.damage(), shutil.copyfile, [None] * copies

    def full(source: Path, target: Path) -> object:
        if not left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left.pop()
        return copyfile(source, target)

    monkeypatch.setattr(shutil, "copyfile", full)
    before = sorted(path.name for path in room.folder.iterdir())
    with pytest.raises(DatabaseRefused, match="There is no room in"):
        await restore(room.settings, room.clock)
    assert (room.folder / FILE_NAME).read_bytes() == ruin
    assert sorted(path.name for path in room.folder.iterdir() if path.suffix != ".lock") == before


@pytest.mark.parametrize("owner", ["bot", "engine-cuda0"])
async def test_a_folder_that_somebody_works_on_is_left_alone(room: Room, owner: str) -> None:
    database, _ = await room.open()
    async with database:
        await back_up(database, room.folder / BACKUP_FOLDER, room.clock)
    with hold(room.folder, owner), pytest.raises(DatabaseRefused, match="already works on"):
        await restore(room.settings, room.clock)
    assert list(room.folder.glob("aside-*")) == []


async def test_a_backup_named_by_its_owner_is_taken_from_anywhere_and_stays_there(room: Room, tmp_path: Path) -> None:
    database, store = await room.open()
    async with database:
        await room.submit(store, "1")
        own = await back_up(database, tmp_path / "elsewhere", room.clock)
    before = own.read_bytes()
    (room.folder / FILE_NAME).unlink()
    restored = await restore(room.settings, room.clock, own)
    assert (restored.backup, own.read_bytes()) == (own, before)
    assert restored.gap.accepted == ()
    assert (await room.status(1)).state is JobState.QUEUED


async def test_requests_are_honest_about_files_that_are_gone(room: Room) -> None:
    database, store = await room.open()
    async with database:
        for idem in "12345":
            await room.submit(store, idem)
        _, shown = await room.draw(store, shown=True)
        _, unseen = await room.draw(store, shown=False)
        _, fine = await room.draw(store, shown=False)
        running = await begin(store)
        await store.save_section(running.claim, room.section(4, 0))
        await store.save_section(running.claim, room.section(4, 1))
        await back_up(database, room.folder / BACKUP_FOLDER, room.clock)
    for blob in (shown, room.section(4, 1).checkpoint, room.params("5").picture):
        room.media.remove(blob)
    room.media.path(unseen).write_bytes(b"flipped")
    restored = await restore(room.settings, room.clock)
    assert restored.mended.queued_again == (4,)
    assert restored.mended.drawn_again == (4,)
    assert restored.mended.film_lost == (2,)
    assert restored.mended.forgotten == (1,)
    assert (await room.status(1)).purged
    lost = await room.status(2)
    assert (lost.state, lost.film_lost, lost.charged_ms) == (JobState.DONE, True, 0)
    third = await room.status(3)
    assert third.result is not None
    assert third.result.film == fine
    again = await room.status(4)
    assert (again.state, again.interrupted, again.sections_done) == (JobState.QUEUED, True, 1)
    # A request without its picture fails with a refund once the engine looks; only that is still wrong.
    database, store = await room.open()
    async with database:
        assert [it.row for it in await violations(database, room.media)] == ["request_blob 5/picture"]
        job = await begin(store)
        assert job.claim.request_id == 4
        assert [section.index for section in job.sections] == [0]
        await draw_all(store, job)


async def test_pictures_that_are_gone_from_an_ended_request_are_said_to_be_gone(room: Room) -> None:
    database, store = await room.open()
    async with database:
        await room.submit(store, "1")
        await store.cancel(1, by=MIA)
        await back_up(database, room.folder / BACKUP_FOLDER, room.clock)
    room.media.remove(room.params("1").picture)
    restored = await restore(room.settings, room.clock)
    assert restored.mended.forgotten == (1,)
    assert (await room.status(1)).params.picture == GONE
    assert await whole(room)
    database, store = await room.open()
    async with database:
        # How it ended is still told.
        assert [item.request_id for item in await store.outbox_due()] == [1]


async def test_a_running_film_that_was_to_be_cancelled_ends(room: Room) -> None:
    database, store = await room.open()
    async with database:
        await room.submit(store, "1")
        await begin(store)
        await store.cancel(1, by=MIA)
        await back_up(database, room.folder / BACKUP_FOLDER, room.clock)
    restored = await restore(room.settings, room.clock)
    assert restored.mended.queued_again == ()
    assert (await room.status(1)).state is JobState.CANCELLED
    assert await whole(room)


async def test_a_backup_of_a_newer_version_is_passed_over(room: Room) -> None:
    database, _ = await room.open()
    async with database:
        newer = await back_up(database, room.folder / BACKUP_FOLDER, room.clock)
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(DatabaseRefused, match=r"newer Flipbook \(schema 9999\)"):
        await restore(room.settings, room.clock)
