"""What every transition writes beside the request's own row: counters, ledger, account, outbox."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sqlalchemy import Connection, Update, bindparam, case, insert, select, update

from storage import fairness
from storage.columns import INT
from storage.jobs import JobState, MessageRef
from storage.quota import Tariff
from storage.schema import account, chat_message, ledger, outbox, person, queue
from storage.store import purse
from storage.words import LedgerKind, MessageKind

SHOWS_NOTHING = 0
"""As a message's revision: it stood before the request did."""


def announce(db: Connection, request_id: int, rev: int, state: JobState, now_ms: int) -> None:
    """Chats must show this revision."""
    row = {"request_id": request_id, "rev": rev, "state": state, "at_ms": now_ms, "not_before_ms": now_ms, "tries": 0}
    db.execute(insert(outbox), row)


def write_message(db: Connection, request_id: int, kind: MessageKind, ref: MessageRef, applied_rev: int) -> None:
    """A message of the bot that did not stand for this request before."""
    row = {
        "request_id": request_id,
        "kind": kind,
        "platform": ref.platform,
        "chat_id": ref.chat_id,
        "message_id": ref.message_id,
        "applied_rev": applied_rev,
    }
    db.execute(insert(chat_message), row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Of a request's state. before: None where it is new. est_ms: of GPU time, as estimated when it was accepted."""

    before: JobState | None
    after: JobState
    est_ms: int

    def more(self, state: JobState) -> int:
        """Requests in that state."""
        return (self.after is state) - (self.before is state)


def count_change(db: Connection, account_id: int, change: Change, *, begun_at: int = 0) -> None:
    """Keep the counters equal to the counts. begun_at: start tag of a request that begins now.

    Locks in this order, as a claim does: account, person, queue.
    """
    queued, running = change.more(JobState.QUEUED), change.more(JobState.RUNNING)
    db.execute(_count(), {"of_account": account_id, "more_queued": queued, "more_running": running})
    if running:
        db.execute(_count_person(), {"of_account": account_id, "more_running": running})
    if queued:
        db.execute(_count_line(), {"more_queued": queued, "more_ms": queued * change.est_ms, "begun_at": begun_at})


# Made once: building a statement costs as much as running it, and these are in every transition.
@cache
def _count() -> Update:
    more = {
        "queued": account.c.queued + bindparam("more_queued", type_=INT),
        "running": account.c.running + bindparam("more_running", type_=INT),
    }
    return update(account).where(account.c.id == bindparam("of_account", type_=INT)).values(more)


@cache
def _count_person() -> Update:
    owner = select(account.c.person_id).where(account.c.id == bindparam("of_account", type_=INT)).scalar_subquery()
    more = {"running": person.c.running + bindparam("more_running", type_=INT)}
    return update(person).where(person.c.id == owner).values(more)


@cache
def _count_line() -> Update:
    begun_at = bindparam("begun_at", type_=INT)
    # A request that begins again brings an old tag: the virtual clock never goes back.
    virtual_ms = case((queue.c.virtual_ms < begun_at, begun_at), else_=queue.c.virtual_ms)
    more = {
        "queued": queue.c.queued + bindparam("more_queued", type_=INT),
        "est_ms": queue.c.est_ms + bindparam("more_ms", type_=INT),
    }
    return update(queue).values(more | {"virtual_ms": virtual_ms})


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
    db: Connection, account_id: int, tariff: Tariff, now_ms: int, *, film_ms: int, est_ms: int, spent_ms: int
) -> None:
    """Film time that was not used returns to where it came from, and its fairness tag learns what was really spent."""
    held = db.execute(purse.held().where(account.c.id == account_id).with_for_update()).one()
    after = purse.of_account(held, tariff, now_ms).put_back(film_ms, tariff)
    finish = fairness.corrected(
        held.sfq_finish, est_ms=est_ms, actual_ms=spent_ms, weight_permille=held.weight_permille
    )
    purse.keep(db, held, after, sfq_finish=finish)
