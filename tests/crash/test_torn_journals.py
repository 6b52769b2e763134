"""Power cuts in the middle of a commit: the database opens, keeps its promises and has all that was acknowledged."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
from crashkit import tally
from crashkit.site import Site, site
from crashkit.torn import Moment, tear_journal, tear_log

from storage.database import FILE_NAME, Database
from storage.invariants import violations
from storage.sqlite import choose_sqlite

LOGS, JOURNALS = 200, 100
SEED = 20_261_123


def test_a_torn_log_loses_nothing_that_was_acknowledged(ground: Path, blank: Path, long: bool):
    if choose_sqlite().journal != "wal":
        pytest.skip("this SQLite is not trusted with a write-ahead log")
    with site(ground / "whole", blank) as here:
        moments = _acknowledge_some(here)
        # Taken while the database is open and at rest: closing it would fold the log into the file.
        folder = ground / "taken"
        shutil.copytree(here.terms.folder, folder)
    chance = random.Random(SEED)
    for number in range(LOGS * (10 if long else 1)):
        target = ground / str(number)
        owed = tear_log(folder, target, moments, chance)
        found = asyncio.run(_judge(target))
        assert found >= {f"update-{n}" for n in range(owed)}, f"tear {number}"
        shutil.rmtree(target)
        tally.done["torn journals"] += 1


def test_a_torn_rollback_journal_leaves_the_last_commit_whole_or_undone(
    ground: Path, blank: Path, monkeypatch: pytest.MonkeyPatch, long: bool
):
    """The mode of a SQLite that cannot be trusted with a write-ahead log."""
    import sqlite3

    from storage import database, sqlite

    monkeypatch.setattr(database, "choose_sqlite", lambda: sqlite.SQLite(sqlite3, "truncate"))
    chance = random.Random(SEED)
    taken: list[tuple[int, Path, Path]] = []
    with site(ground / "whole", blank) as here:
        for number in range(5):
            before, after = ground / f"before-{number}", ground / f"after-{number}"
            here.run(_submit(here, number, lambda to=before: shutil.copytree(here.terms.folder, to)))
            shutil.copytree(here.terms.folder, after)
            taken.append((number, before, after))
    kinds: Counter[bool] = Counter()
    for number in range(JOURNALS * (10 if long else 1)):
        acknowledged, before, after = taken[number % len(taken)]
        target = ground / str(number)
        kinds[tear_journal(before, after, target, chance)] += 1
        found = asyncio.run(_judge(target))
        assert found >= {f"update-{n}" for n in range(acknowledged)}, f"tear {number}"
        shutil.rmtree(target)
        tally.done["torn journals"] += 1
    assert min(kinds.values()) > 10


def _acknowledge_some(here: Site) -> list[Moment]:
    """Requests with all that happens to them, and how long the log was after each acknowledgement."""
    log = here.terms.folder / f"{FILE_NAME}-wal"
    moments: list[Moment] = []
    for number in range(20):
        here.run(_submit(here, number))
        moments.append(Moment(acknowledged=number + 1, log_bytes=log.stat().st_size))
    # Else the log was folded into the file and begun anew meanwhile.
    assert moments == sorted(moments, key=lambda moment: moment.log_bytes)
    return moments[5:]


async def _submit(here: Site, number: int, before_commit: object = None) -> None:
    from crashkit import roles
    from crashkit.chat import PLATFORM

    from storage.jobs import FilmParams, Member, Place, Request, Schedule
    from storage.store import members

    picture = here.media.put_bytes(roles.picture(), ".png")
    params = FilmParams(
        prompt=f"update-{number}",
        picture=picture,
        duration_ms=2400,
        seed=number,
        model="tiny",
        schedule=Schedule.INVERTED,
        steps=2,
        size=64,
    )
    request = Request(
        idem=f"update-{number}",
        member=Member(platform=PLATFORM, user_id=f"user-{number % 3}", name="x"),
        place=Place(platform=PLATFORM, community_id="guild", chat_id="room"),
        params=params,
    )
    if before_commit is None:
        await here.store.submit(request)
        job = await here.store.claim("card")
        assert job is not None
        await here.store.release(job.claim)
        return

    def transaction(db: object) -> None:
        members.submit(db, here.store._terms, request)  # type: ignore[arg-type]
        before_commit()  # type: ignore[operator]

    await here.database.write(transaction)


async def _judge(folder: Path) -> set[str]:
    """What a bot finds that starts on this folder: requests by prompt, once its promises are checked."""
    async with await Database.open(folder) as database:
        assert await violations(database, None) == []
        prompts = await database.read(
            lambda db: db.exec_driver_sql("SELECT json_extract(params, '$.prompt') FROM request").scalars().all()
        )
    assert len(prompts) == len(set(prompts))
    return set(prompts)
