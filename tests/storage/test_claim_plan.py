"""The cost of a claim does not grow with the queue: asked of the database's own plan."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine
from storagekit.films import MIA, begin, finish, wish

from storage.database import Database
from storage.store import Store


async def plans(database: Database, calls: list[tuple[str, Any]]) -> list[str]:
    """What the database means to do for each statement."""
    sqlite = database.mode.product == "sqlite"

    def explain(db: Connection) -> list[str]:
        if not sqlite:
            # For so few rows it would take the table; what is asked is whether an index could serve.
            db.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return [
            row[3 if sqlite else 0].strip()
            for statement, parameters in calls
            for row in db.exec_driver_sql(f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{statement}", parameters)
        ]

    return await database.write(explain)


async def recorded(call: Any) -> list[tuple[str, Any]]:
    calls: list[tuple[str, Any]] = []

    def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.split()[0] in ("SELECT", "UPDATE", "INSERT", "DELETE"):
            calls.append((statement, parameters[0] if many else parameters))

    event.listen(Engine, "before_cursor_execute", record)
    try:
        await call
    finally:
        event.remove(Engine, "before_cursor_execute", record)
    assert calls
    return calls


async def test_claim_takes_one_entry_of_the_index_and_sorts_nothing(store: Store, database: Database) -> None:
    await store.submit(wish("a"))
    calls = await recorded(store.claim("card-0"))
    (turn,) = [call for call in calls if "sfq_start," in call[0] and call[0].startswith("UPDATE")]
    lines = await plans(database, [turn])
    if database.mode.product == "postgresql":
        assert any("using ix_request_turn" in line for line in lines)
        assert not any("Sort" in line for line in lines)
        return
    assert "SEARCH request USING INTEGER PRIMARY KEY (rowid=?)" in lines
    assert any("USING COVERING INDEX ix_request_turn" in line for line in lines)
    assert not any("TEMP B-TREE" in line for line in await plans(database, calls))


MANY = """
    INSERT INTO request (idem, identity_id, account_id, chat_id, kind, params, duration_ms, sections, state, rev, epoch,
                         tries, est_ms, sfq_start, created_ms, queued_ms, origin, spoiler)
        SELECT 'copy ' || n, identity_id, account_id, chat_id, kind, params, duration_ms, sections, state, rev, epoch,
               tries, est_ms, n, created_ms, queued_ms, origin, spoiler
        FROM request CROSS JOIN generate_series(1, 3000) AS n WHERE state = 'queued'
"""


MANY_DONE = """
    INSERT INTO request (idem, identity_id, account_id, chat_id, kind, params, duration_ms, sections, state, rev, epoch,
                         tries, est_ms, sfq_start, created_ms, queued_ms, origin, spoiler, started_ms,
                         ended_ms, result)
        SELECT 'done ' || n, identity_id, account_id, chat_id, kind, params, duration_ms, sections, state, rev, epoch,
               tries, est_ms, n, created_ms, queued_ms, origin, spoiler, started_ms, ended_ms, result
        FROM request CROSS JOIN generate_series(1, 3000) AS n WHERE state = 'done'
"""


@pytest.mark.parametrize("kind", ["postgresql"])
@pytest.mark.parametrize("analyzed", ["never", "while it was empty", "now"])
async def test_claim_from_a_long_queue_reads_two_index_entries(store: Store, database: Database, analyzed: str) -> None:
    """Also on a server that has not yet learnt how long the queue is, or believes it to be empty."""
    for name in "abc":
        await store.submit(wish(name, duration_ms=1200))
    await finish(store, await begin(store))
    calls = await recorded(store.claim("card-0"))
    (turn,) = [call for call in calls if "sfq_start," in call[0] and call[0].startswith("UPDATE")]
    found: list[str] = []

    def explain(db: Connection) -> None:
        if analyzed == "while it was empty":
            db.exec_driver_sql(MANY_DONE)
            db.exec_driver_sql("ANALYZE request")
        db.exec_driver_sql(MANY)
        if analyzed == "now":
            db.exec_driver_sql("ANALYZE request")
        found.extend(row[0] for row in db.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS) {turn[0]}", turn[1]))
        raise Undo

    with pytest.raises(Undo):
        await database.write(explain)
    assert any("using ix_request_turn" in line for line in found), found
    assert any("using pk_request" in line for line in found), found
    # The queue's one row says whether the owner pauses.
    scans = {line.partition("Seq Scan on ")[2].split()[0] for line in found if "Seq Scan on" in line}
    assert scans <= {"queue"}, found
    assert not any("Sort" in line for line in found), found


class Undo(Exception):
    pass


async def test_no_write_scans_a_table(store: Store, database: Database) -> None:
    """Except the table with one row, and the paces, of which there are as many as models and sizes."""
    calls = await recorded(store.submit(wish("a")))
    calls += await recorded(store.claim("card-0"))
    calls += await recorded(store.cancel(1, by=MIA))
    calls += await recorded(store.engine_died("card-0"))
    calls += await recorded(store.reclaim())
    calls += await recorded(store.expire())
    calls += await recorded(store.outbox_due())
    lines = await plans(database, calls)
    if database.mode.product == "postgresql":
        scans = {line.partition("Seq Scan on ")[2].split()[0] for line in lines if "Seq Scan on" in line}
        assert scans <= {"queue", "pace"}
        return
    scans = {line for line in lines if line.startswith("SCAN") and "INDEX ix_" not in line}
    # anon_1 is the bounded part of the line that is counted for a position.
    assert scans <= {"SCAN queue", "SCAN pace", "SCAN anon_1"}
