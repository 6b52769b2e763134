"""Forgetting a person: nothing of theirs is left in the database, its file, the media folder or a backup."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, ROOM, begin, drawn, film, finish, message, report, wish

from storage.backups import back_up
from storage.clock import SystemClock
from storage.database import BACKUP_FOLDER, FILE_NAME, Database
from storage.errors import StaleClaim, UnknownRequest
from storage.invariants import violations
from storage.jobs import GONE, JobState
from storage.keeping import scrub
from storage.media import Media
from storage.store import MessageKind, Store
from storage.store.erasure import Erased

SECRETS = (b"900719925474099267", b"Mia", b"the fox turns its head", b"idem-of-mia")


async def live(store: Store) -> None:
    """1 done and shown, 2 running with a section, 3 queued: of Mia. 4 of Leo."""
    await store.submit(wish("idem-of-mia.1"))
    await finish(store, await begin(store))
    await store.message_posted(1, MessageKind.FILM, message(1), 3)
    await store.outbox_sent(1, 3)
    await store.submit(wish("idem-of-mia.2"))
    job = await begin(store)
    await store.save_section(job.claim, drawn(job, 0))
    await store.publish_progress(report(job.claim))
    await store.submit(wish("idem-of-mia.3"))
    await store.submit(replace(wish("4", member=LEO), params=replace(wish("4").params, prompt="a boat")))
    await store.message_posted(3, MessageKind.STATUS, message(3), 1)


async def test_a_person_is_forgotten_and_the_sums_stay(store: Store, database: Database) -> None:
    await live(store)
    erased = await store.erase(MIA)
    assert erased.requests == (1, 2, 3)
    assert erased.cancelled == (2, 3)
    assert set(erased.messages) == {message(1), message(3)}
    assert await store.history(MIA) == []
    for request_id in erased.requests:
        status = await store.status(request_id)
        assert status.purged
        assert status.params == replace(status.params, prompt="", negative_prompt="", seed=0, picture=GONE)
        assert (status.member.platform, status.member.name, status.place.chat_id) == ("erased", "", "")
        assert status.place.platform == "erased"
    assert [(await store.status(number)).charged_ms for number in (1, 2, 3)] == [2400, 1200, 0]
    assert await store.request_of(message(1)) is None
    assert [item.request_id for item in await store.outbox_due()] == [4]
    assert await violations(database, None) == []
    assert await store.erase(MIA) == Erased()


async def test_the_engine_that_draws_for_them_is_refused_from_then_on(store: Store) -> None:
    await store.submit(wish("1"))
    job = await begin(store)
    await store.erase(MIA)
    with pytest.raises(StaleClaim):
        await store.beat(job.claim)
    with pytest.raises(StaleClaim):
        await store.complete(job.claim, film(1))
    assert (await store.status(1)).state is JobState.CANCELLED


async def test_a_message_that_was_under_way_is_not_written_down_again(store: Store) -> None:
    await store.submit(wish("1"))
    await store.erase(MIA)
    with pytest.raises(UnknownRequest):
        await store.message_posted(1, MessageKind.STATUS, message(1), 1)
    assert await store.request_of(message(1)) is None


async def test_all_platforms_of_a_person_are_forgotten_together(store: Store, database: Database) -> None:
    await store.submit(wish("1"))
    await store.submit(wish("2", member=LEO))
    code = "ab" * 32
    await store.offer_link(MIA, code)
    await store.redeem_link(LEO, code)
    assert (await store.erase(LEO)).requests == (1, 2)
    assert await store.history(MIA) == []
    assert await violations(database, None) == []


async def test_somebody_unknown_is_erased_without_a_trace(store: Store) -> None:
    assert (await store.erase(LEO)).requests == ()
    assert await store.unscrubbed() == []


async def test_who_comes_back_is_somebody_new(store: Store) -> None:
    await store.submit(wish("1"))
    await store.erase(MIA)
    again = await store.submit(wish("1"))
    assert again.request_id == 2
    assert [status.request_id for status in await store.history(MIA)] == [2]
    assert (await store.allowance(MIA, ROOM.community_id)).queued == 1


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_no_byte_of_them_is_left_on_the_disk(
    store: Store, database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    media = Media(tmp_path)
    await live(store)
    picture, others = media.put_bytes(b"their picture", ".png"), media.put_bytes(b"someone else's", ".png")
    asked = wish("idem-of-mia.5")
    await store.submit(replace(asked, params=replace(asked.params, picture=picture)))
    asked = wish("6", member=LEO)
    await store.submit(replace(asked, params=replace(asked.params, prompt="a boat", picture=others)))
    for path in media.orphans(set()):
        os.utime(path, (clock.now_ms() / 1000 - 61, clock.now_ms() / 1000 - 61))
    work, cached = tmp_path / "work" / "2", tmp_path / "cache" / "conditioning" / "words.safetensors"
    for path in (work, cached.parent):
        path.mkdir(parents=True)
    cached.touch()
    old = await back_up(database, tmp_path / BACKUP_FOLDER, clock)
    (tmp_path / "aside-20270101T000000Z").mkdir()
    clock.pass_s(60)
    assert all(secret in old.read_bytes() for secret in SECRETS)

    assert await scrub(store, database, media, tmp_path, clock) is None
    assert old.exists()
    await store.erase(MIA)
    clock.pass_s(60)
    assert await scrub(store, database, media, tmp_path, clock) == [tmp_path / "aside-20270101T000000Z"]
    [fresh] = (tmp_path / BACKUP_FOLDER).iterdir()
    assert fresh != old
    left = [*tmp_path.glob(f"{FILE_NAME}*"), fresh]
    assert len(left) >= 2
    for path in left:
        data = path.read_bytes()
        assert [secret for secret in SECRETS if secret in data] == [], path
    assert (media.verify(picture), media.verify(others)) == (False, True)
    assert (work.exists(), cached.exists()) == (False, False)
    assert await scrub(store, database, media, tmp_path, clock) is None


KILLED = """
import os, sys
from pathlib import Path
from storage.gate import back_up
from storage.sqlite import choose_sqlite
sys.addaudithook(lambda event, _: os._exit(9) if event == "os.rename" else None)
back_up(choose_sqlite(), Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_a_backup_that_was_killed_halfway_is_not_left_behind(
    store: Store, database: Database, tmp_path: Path
) -> None:
    await live(store)
    target = tmp_path / BACKUP_FOLDER / "daily-20270101T000000Z.db"
    command = [sys.executable, "-c", KILLED, str(tmp_path / FILE_NAME), str(target)]
    done = await asyncio.to_thread(subprocess.run, command, cwd=Path(__file__).parents[2])
    assert done.returncode == 9
    [half] = target.parent.glob("*/*")
    assert all(secret in half.read_bytes() for secret in SECRETS)
    await store.erase(MIA)
    # It may be one that is being made.
    await scrub(store, database, Media(tmp_path), tmp_path, SystemClock())
    assert half.exists()
    for path in (half, half.parent):
        os.utime(path, (0, path.stat().st_mtime - 61))
    await scrub(store, database, Media(tmp_path), tmp_path, SystemClock())
    assert [path.name.startswith("daily-") for path in target.parent.iterdir()] == [True]


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_a_scrub_that_is_interrupted_is_due_again(
    store: Store, database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    media = Media(tmp_path)
    await live(store)
    await store.erase(MIA)
    # A file of a moment ago may still be waiting for its row: they have another turn a minute later.
    assert await scrub(store, database, media, tmp_path, clock) == []
    assert await store.unscrubbed() == [1]
    clock.pass_s(60)
    (tmp_path / BACKUP_FOLDER).rename(tmp_path / "elsewhere")
    (tmp_path / BACKUP_FOLDER).write_text("in the way")
    with pytest.raises(OSError, match="backups"):
        await scrub(store, database, media, tmp_path, clock)
    (tmp_path / BACKUP_FOLDER).unlink()
    assert await store.unscrubbed() == [1]
    assert await scrub(store, database, media, tmp_path, clock) == []
    assert await store.unscrubbed() == []


@pytest.mark.parametrize("kind", ["postgresql"])
async def test_a_servers_pages_are_written_anew_too(
    store: Store, database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    await live(store)
    await store.erase(MIA)
    clock.pass_s(60)
    assert await scrub(store, database, Media(tmp_path), tmp_path, clock) == []
    assert await store.unscrubbed() == []
    assert not (tmp_path / BACKUP_FOLDER).exists()
