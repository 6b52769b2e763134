"""A long queue made in seconds, and wishes to add to it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from storage.clock import SystemClock
from storage.documents import write_params
from storage.jobs import Blob, FilmParams, Member, Place, Request, Schedule
from storage.sqlite import choose_sqlite

MEMBERS = 1000


def wish(idem: str, number: int) -> Request:
    member = Member(platform="bench", user_id=f"new {number % 50}", name="Newcomer")
    return Request(
        idem=idem,
        member=member,
        place=Place(platform="bench", community_id="bench", chat_id="bench"),
        params=PARAMS,
    )


PARAMS = FilmParams(
    prompt="the fox turns its head and looks at the moon",
    picture=Blob(sha256="ab" * 32, suffix=".png", byte_count=1_000_000),
    duration_ms=5_000,
    seed=1,
    model="framepack",
    schedule=Schedule.INVERTED,
    steps=25,
    size=640,
)

FILL = """
    CREATE TEMP TABLE n AS
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) SELECT i FROM n;
    INSERT INTO person (id, created_ms, running) SELECT i, 0, 0 FROM n WHERE i <= :members;
    INSERT INTO identity (id, person_id, platform, platform_user_id, name, locale)
        SELECT i, i, 'bench', i, 'Member ' || i, 'en' FROM n WHERE i <= :members;
    INSERT INTO account (id, person_id, platform, community_id, weight_permille, tokens_ms, tokens_at_ms, sfq_finish,
                         queued, running)
        SELECT i, i, 'bench', 'bench', 1000, 1000000, 0, 0, 0, 0 FROM n WHERE i <= :members;
    INSERT INTO request (id, idem, identity_id, account_id, chat_id, kind, params, duration_ms, sections, state, rev,
                         epoch, tries, est_ms, sfq_start, created_ms, queued_ms, origin, spoiler)
        SELECT i, 'old ' || i, 1 + (i - 1) % :members, 1 + (i - 1) % :members, 'bench', 'new', :params, 5000, 4,
               'queued', 1, 0, 0, 200000, (i / :members) * 200000, :now, :now, '', 0 FROM n;
    INSERT INTO request_blob (request_id, role, sha256, suffix, byte_count)
        SELECT i, 'picture', :sha256, '.png', 1000000 FROM n;
    INSERT INTO ledger (id, person_id, request_id, kind, ms, at_ms)
        SELECT i, 1 + (i - 1) % :members, i, 'reserve', 5000, 0 FROM n;
    INSERT INTO outbox (request_id, rev, state, at_ms, not_before_ms, tries, sent_ms)
        SELECT i, 1, 'queued', 0, 0, 0, 0 FROM n;
    UPDATE account SET queued = (SELECT count(*) FROM request WHERE account_id = account.id);
    UPDATE queue SET queued = :rows, est_ms = 200000 * :rows;
    INSERT INTO pace (model, size, passes, section_ms, samples) VALUES ('framepack', 640, 25, 50000, 8);
"""


def fill(path: Path, rows: int) -> None:
    """A queue of that length, of a thousand members, whose first messages are shown."""
    values = {
        "rows": rows,
        "members": min(MEMBERS, rows),
        "params": write_params(PARAMS),
        "now": SystemClock().now_ms(),
        "sha256": PARAMS.picture.sha256,
    }
    with closing(choose_sqlite().connect(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for statement in FILL.split(";"):
            if statement.strip():
                connection.execute(statement, values)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
