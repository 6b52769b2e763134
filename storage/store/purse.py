"""Whose bucket pays: an account's own, or the one that somebody linked on two platforms has for all of theirs."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, Update, bindparam, select, update

from storage.columns import INT
from storage.quota import Bucket
from storage.schema import account, person


def held() -> Select[Any]:
    """Accounts, each with its person's bucket where there is one."""
    return select(
        account, person.c.tokens_ms.label("shared_ms"), person.c.tokens_at_ms.label("shared_at_ms")
    ).join_from(account, person)


def bucket(row: Row[Any]) -> Bucket:
    """row: of `held`."""
    if row.shared_ms is None:
        return Bucket(level_ms=row.tokens_ms, at_ms=row.tokens_at_ms)
    return Bucket(level_ms=row.shared_ms, at_ms=row.shared_at_ms)


def of_person(db: Connection, person_id: int | None) -> Bucket | None:
    """The bucket for all their accounts; None for somebody unknown or known on one platform alone."""
    query = select(person.c.tokens_ms, person.c.tokens_at_ms).where(
        person.c.id == person_id, person.c.tokens_ms.is_not(None)
    )
    row = db.execute(query).one_or_none()
    return None if row is None else Bucket(level_ms=row.tokens_ms, at_ms=row.tokens_at_ms)


def keep(db: Connection, row: Row[Any], after: Bucket, *, sfq_finish: int) -> None:
    """The bucket after a payment or a refund, and the account's new fairness tag. row: of `held`, locked."""
    if row.shared_ms is None:
        spent = {"tokens_ms": after.level_ms, "tokens_at_ms": after.at_ms, "sfq_finish": sfq_finish}
        db.execute(_of_account(), {"of_account": row.id, **spent})
        return
    db.execute(_of_account(), {"of_account": row.id, "sfq_finish": sfq_finish})
    share(db, row.person_id, after)


def share(db: Connection, person_id: int, after: Bucket) -> None:
    """From now on this is the person's bucket, wherever they ask."""
    row = {"tokens_ms": after.level_ms, "tokens_at_ms": after.at_ms}
    db.execute(update(person).where(person.c.id == person_id).values(row))


# Made once: building a statement costs as much as running it, and this one is in every submit.
@cache
def _of_account() -> Update:
    return update(account).where(account.c.id == bindparam("of_account", type_=INT))
