"""Each promise, broken by hand: the row that is wrong must be named. A check that cannot fail would be a defect."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection
from storagekit.clock import ManualClock
from storagekit.films import LEO, MIA, begin, drawn, film, finish, message, report, wish

from storage.database import FILE_NAME, Database
from storage.invariants import Violation, ask_all, rules, violations
from storage.jobs import Failure, Section
from storage.media import Media
from storage.settings import QueueSettings, QuotaSettings
from storage.store import MessageKind, Store

FAILURE = Failure(code="out_of_memory", sentence="The card ran out of memory.")


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory, blank: Path) -> Path:
    """A database with a request in every state.

    1 done and shown · 2 failed · 3 cancelled while running · 4 expired · 5 interrupted once and running · 6 queued
    """
    folder = tmp_path_factory.mktemp("lived-in")
    shutil.copy(blank, folder)
    asyncio.run(_live(folder))
    return folder / FILE_NAME


async def _live(folder: Path) -> None:
    clock = ManualClock()
    async with await Database.open(folder) as database:
        store = Store(database, clock=clock, queue=QueueSettings(), quota=QuotaSettings())
        await store.submit(wish("1"))
        await finish(store, await begin(store))
        await store.message_posted(1, MessageKind.FILM, message(1), 3)
        await store.outbox_sent(1, 3)
        await store.submit(wish("2"))
        await store.fail((await begin(store)).claim, FAILURE)
        await store.submit(wish("3"))
        job = await begin(store)
        await store.save_section(job.claim, drawn(job, 0))
        await store.cancel(3, by=MIA)
        await store.cancelled(job.claim)
        await store.submit(wish("4"))
        clock.pass_s(49 * 3600)
        await store.expire()
        await store.submit(wish("5"))
        await begin(store)
        await store.engine_died("card-0")
        job = await begin(store)
        await store.save_section(job.claim, drawn(job, 0))
        await store.publish_progress(report(job.claim))
        await store.submit(wish("6", member=LEO))
        assert await violations(database, None) == []


@pytest.fixture
async def spoilt(tmp_path: Path, lived_in: Path) -> AsyncIterator[Database]:
    """A database to be edited by hand: nothing is checked at its end."""
    shutil.copy(lived_in, tmp_path)
    async with await Database.open(tmp_path) as database:
        yield database


SPOILS = {
    "reservation of another size": ("UPDATE ledger SET ms = 1 WHERE id = 1", {(1, "request 1"), (2, "request 1")}),
    "no reservation": ("DELETE FROM ledger WHERE request_id = 6", {(1, "request 6"), (2, "request 6")}),
    "hand-edited charge": (
        "UPDATE ledger SET ms = -1 WHERE request_id = 1 AND kind = 'settle'",
        {(2, "request 1")},
    ),
    "failed and not refunded": (
        "DELETE FROM ledger WHERE request_id = 2 AND kind = 'refund'",
        {(2, "request 2")},
    ),
    "refunded before its end": (
        "INSERT INTO ledger (person_id, request_id, kind, ms, at_ms) VALUES (1, 5, 'refund', -2400, 0)",
        {(2, "request 5")},
    ),
    "cancelled for nothing": (
        "UPDATE ledger SET ms = -2400 WHERE request_id = 3 AND kind = 'settle'",
        {(2, "request 3")},
    ),
    "gap in the epochs": ("DELETE FROM attempt WHERE request_id = 5 AND epoch = 1", {(3, "request 5")}),
    "no open attempt": (
        "UPDATE attempt SET ended_ms = 1, outcome = 'released' WHERE request_id = 5 AND epoch = 2",
        {(3, "request 5")},
    ),
    "attempt still open after the end": (
        "UPDATE attempt SET ended_ms = NULL, outcome = NULL WHERE request_id = 2",
        {(3, "request 2")},
    ),
    "older attempt open": (
        "UPDATE attempt SET ended_ms = 1, outcome = 'released' WHERE request_id = 5 AND epoch = 2;"
        "UPDATE attempt SET ended_ms = NULL, outcome = NULL WHERE request_id = 5 AND epoch = 1",
        {(3, "request 5")},
    ),
    "went on after being done": (
        "UPDATE attempt SET outcome = 'done' WHERE request_id = 5 AND epoch = 1",
        {(3, "request 5")},
    ),
    "done by an attempt that was lost": (
        "UPDATE attempt SET outcome = 'lost' WHERE request_id = 1",
        {(3, "request 1")},
    ),
    "tries miscounted": ("UPDATE request SET tries = 0 WHERE id = 5", {(3, "request 5")}),
    "report of an attempt that is gone": ("UPDATE progress SET epoch = 1", {(3, "progress 5")}),
    "done without a section": (
        "DELETE FROM section WHERE request_id = 1 AND idx = 1",
        {(4, "request 1")},
    ),
    "done without its film": (
        "DELETE FROM request_blob WHERE request_id = 1 AND role = 'film'",
        {(4, "request 1")},
    ),
    "film of a request that failed": (
        "INSERT INTO request_blob SELECT 2, role, sha256, suffix, byte_count FROM request_blob WHERE role = 'film'",
        {(4, "request 2")},
    ),
    "picture forgotten": (
        "DELETE FROM request_blob WHERE request_id = 6 AND role = 'picture'",
        {(4, "request 6")},
    ),
    "hole in the sections": ("UPDATE section SET idx = 1 WHERE request_id = 5", {(4, "request 5")}),
    "account counts what does not wait": ("UPDATE account SET queued = 1 WHERE id = 1", {(5, "account 1")}),
    "account counts nothing running": ("UPDATE account SET running = 0 WHERE id = 1", {(5, "account 1")}),
    "person counts nothing running": ("UPDATE person SET running = 0 WHERE id = 1", {(5, "person 1")}),
    "account of somebody else": ("UPDATE account SET person_id = 1 WHERE id = 2", {(2, "request 6")}),
    "bill of somebody else": ("UPDATE ledger SET person_id = 1 WHERE request_id = 6", {(2, "ledger 10")}),
    "queue counts too many": ("UPDATE queue SET queued = 7", {(5, "queue 1")}),
    "queue adds up too much": ("UPDATE queue SET est_ms = est_ms + 1", {(5, "queue 1")}),
    "revision not announced": ("DELETE FROM outbox WHERE request_id = 5 AND rev = 2", {(6, "request 5")}),
    "announces another state": (
        "UPDATE outbox SET state = 'failed' WHERE request_id = 1 AND rev = 3",
        {(6, "request 1")},
    ),
    "older revision still owed": (
        "UPDATE outbox SET sent_ms = NULL WHERE request_id = 1 AND rev = 1",
        {(6, "outbox 1/1")},
    ),
    "message from the future": (
        "UPDATE chat_message SET applied_rev = 9",
        {(6, "chat_message 1/film/discord/channel/1")},
    ),
    "message left behind": ("UPDATE chat_message SET applied_rev = 2", {(6, "chat_message 1/film/discord/channel/1")}),
    "still known although it is to go": (
        "INSERT INTO removal VALUES ('discord', 'channel', '1', 1, 0, 0, 0)",
        {(6, "removal discord/channel/1")},
    ),
    "two messages at the end": (
        "INSERT INTO chat_message VALUES (1, 'status', 'discord', 'channel', '5', 3)",
        {(6, "request 1")},
    ),
    "changed after its end": (
        "INSERT INTO outbox VALUES (4, 3, 'queued', 0, 0, 0, NULL);"
        "UPDATE request SET rev = 3, state = 'queued', ended_ms = NULL WHERE id = 4;"
        "UPDATE account SET queued = 1 WHERE id = 1;"
        "UPDATE queue SET queued = 2, est_ms = est_ms + (SELECT est_ms FROM request WHERE id = 4)",
        {(7, "outbox 4/3"), (2, "request 4")},
    ),
    "done once more without being covered": (
        "INSERT INTO outbox VALUES (1, 4, 'done', 0, 0, 0, 0); UPDATE request SET rev = 4 WHERE id = 1;"
        "UPDATE chat_message SET applied_rev = 4 WHERE request_id = 1",
        {(7, "request 1")},
    ),
    "out of reach and yet shown": ("UPDATE request SET unreached_ms = 1 WHERE id = 1", {(6, "request 1")}),
    "erased but for what an adapter wanted back": (
        "UPDATE identity SET platform = 'erased' WHERE id = 2; UPDATE request SET origin = 'topic 5' WHERE id = 6",
        {(9, "request 6")},
    ),
    "purged and its picture still named": (
        "UPDATE request SET trimmed_ms = 1, purged_ms = 1 WHERE id = 2; DELETE FROM outbox WHERE request_id = 2",
        {(9, "request 2")},
    ),
    "erased by half": ("UPDATE person SET erased_ms = 1 WHERE id = 2", {(9, "identity 2"), (9, "ledger 10")}),
    "drawn by an attempt that had ended": (
        "INSERT INTO section SELECT 5, 1, 1, gpu_ms, sha256, suffix, byte_count FROM section"
        " WHERE request_id = 5 AND idx = 0",
        {(8, "section 5/1")},
    ),
}


def execute(db: Connection, statements: str) -> None:
    for statement in statements.split(";"):
        db.exec_driver_sql(statement)


class Undo(Exception):
    pass


@pytest.mark.parametrize("spoil", SPOILS)
async def test_broken_promise_is_named_with_its_row(spoilt: Database, spoil: str) -> None:
    statements, expected = SPOILS[spoil]
    await spoilt.write(lambda db: execute(db, statements))
    found = await violations(spoilt, None)
    assert expected <= {(violation.invariant, violation.row) for violation in found}
    assert {violation.row for violation in found} == {row for _, row in expected}


async def test_every_rule_is_broken_by_some_spoil(spoilt: Database) -> None:
    """So that no rule is written that nothing can break."""
    caught: set[str] = set()
    for statements, _ in SPOILS.values():

        def spoil(db: Connection, statements: str = statements) -> None:
            execute(db, statements)
            caught.update(violation.sentence for violation in ask_all(db))
            raise Undo

        with pytest.raises(Undo):
            await spoilt.write(spoil)
    assert caught == {rule.sentence for rule in rules()}


async def test_damaged_file_is_named_by_the_row_that_needs_it(tmp_path: Path, store: Store, database: Database) -> None:
    media = Media(tmp_path)
    picture = media.put_bytes(b"a picture", ".png")
    asked = wish("a", duration_ms=1200)
    await store.submit(replace(asked, params=replace(asked.params, picture=picture)))
    job = await begin(store)
    checkpoint = media.put_bytes(b"a checkpoint", ".bin")
    await store.save_section(job.claim, Section(index=0, checkpoint=checkpoint, gpu_ms=1))
    result = replace(
        film(1), film=media.put_bytes(b"film", ".mp4"), gif=None, poster=media.put_bytes(b"poster", ".jpg")
    )
    await store.complete(job.claim, result)
    assert await violations(database, media) == []

    media.remove(checkpoint)
    path = media.path(result.film)
    path.write_bytes(b"fiLm")
    assert await violations(database, media) == [
        Violation(invariant=4, row="request_blob 1/film", sentence="its file is missing or damaged"),
        Violation(invariant=4, row="section 1/0", sentence="its file is missing or damaged"),
    ]
