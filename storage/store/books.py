"""What every transition writes beside the request's own row: counters, ledger, account, outbox."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Connection, Update, bindparam, case, insert, select, update

from storage import fairness
from storage.columns import INT
from storage.jobs import JobState
from storage.quota import Bucket, Rate
from storage.schema import account, ledger, outbox, queue
from storage.words import LedgerKind


def announce(db: Connection, request_id: int, rev: int, state: JobState, now_ms: int) -> None:
    """Chats must show this revision."""
    row = {"request_id": request_id, "rev": rev, "state": state, "at_ms": now_ms, "not_before_ms": now_ms, "tries": 0}
    db.execute(insert(outbox), row)


def count_change(
    db: Connection, account_id: int, *, before: JobState | None, after: JobState, begun_at: int | None = None
) -> None:
    """Keep the counters equal to the counts. begun_at: start tag of a request that begins now."""
    queued = (after is JobState.QUEUED) - (before is JobState.QUEUED)
    running = (after is JobState.RUNNING) - (before is JobState.RUNNING)
    db.execute(_count(), {"of_account": account_id, "more_queued": queued, "more_running": running})
    if queued:
        db.execute(_count_line(), {"more_queued": queued, "begun_at": begun_at or 0})


# Made once: building a statement costs as much as running it, and these are in every transition.
@cache
def _count() -> Update:
    more = {
        "queued": account.c.queued + bindparam("more_queued", type_=INT),
        "running": account.c.running + bindparam("more_running", type_=INT),
    }
    return update(account).where(account.c.id == bindparam("of_account", type_=INT)).values(more)


@cache
def _count_line() -> Update:
    begun_at = bindparam("begun_at", type_=INT)
    # A request that begins again brings an old tag: the virtual clock never goes back.
    virtual_ms = case((queue.c.virtual_ms < begun_at, begun_at), else_=queue.c.virtual_ms)
    return update(queue).values(queued=queue.c.queued + bindparam("more_queued", type_=INT), virtual_ms=virtual_ms)


def write_ledger(db: Connection, person_id: int, request_id: int, kind: LedgerKind, *, ms: int, now_ms: int) -> None:
    row = {"person_id": person_id, "request_id": request_id, "kind": kind, "ms": ms, "at_ms": now_ms}
    db.execute(insert(ledger), row)


def write_closing(
    db: Connection, person_id: int, request_id: int, *, reserved_ms: int, charge_ms: int, now_ms: int
) -> None:
    """The ledger's last word on a request, after which its entries add up to `charge_ms`."""
    kind = LedgerKind.SETTLE if charge_ms else LedgerKind.REFUND
    write_ledger(db, person_id, request_id, kind, ms=charge_ms - reserved_ms, now_ms=now_ms)


def give_back(
    db: Connection, account_id: int, rate: Rate, now_ms: int, *, film_ms: int, est_ms: int, spent_ms: int
) -> None:
    """Film time that was not used returns to the account, and its fairness tag learns what was really spent."""
    held = db.execute(select(account).where(account.c.id == account_id).with_for_update()).one()
    bucket = Bucket(level_ms=held.tokens_ms, at_ms=held.tokens_at_ms).refilled(rate, now_ms).put_back(film_ms, rate)
    finish = fairness.corrected(
        held.sfq_finish, est_ms=est_ms, actual_ms=spent_ms, weight_permille=held.weight_permille
    )
    db.execute(
        update(account)
        .where(account.c.id == account_id)
        .values(tokens_ms=bucket.level_ms, tokens_at_ms=bucket.at_ms, sfq_finish=finish)
    )
