"""Whose buckets pay: one for all communities together, and one for the community where somebody asks.

In place of the second, somebody linked on two platforms has one bucket for all of their accounts.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, Update, bindparam, select, update

from storage.columns import INT
from storage.quota import Bucket, Purse, Tariff
from storage.schema import account, person

_OF_A_PERSON = (
    person.c.tokens_ms.label("shared_ms"),
    person.c.tokens_at_ms.label("shared_at_ms"),
    person.c.everywhere_ms,
    person.c.everywhere_at_ms,
)


def held() -> Select[Any]:
    """Accounts, each with its person's buckets."""
    return select(account, *_OF_A_PERSON).join_from(account, person)


def of_account(row: Row[Any], tariff: Tariff, now_ms: int) -> Purse:
    """What the account may spend now. row: of `held`."""
    return Purse(community=bucket(row), person=_everywhere(row, tariff, now_ms)).refilled(tariff, now_ms)


def of_person(db: Connection, person_id: int | None, tariff: Tariff, now_ms: int) -> Purse:
    """What somebody may spend now where they have never asked; all that a newcomer has, for somebody unknown."""
    row: Any = db.execute(select(*_OF_A_PERSON).where(person.c.id == person_id)).one_or_none()
    fresh = Bucket(level_ms=tariff.community.burst_ms, at_ms=now_ms)
    if row is None:
        return Purse(community=fresh, person=Bucket(level_ms=tariff.person.burst_ms, at_ms=now_ms))
    community = fresh if row.shared_ms is None else Bucket(level_ms=row.shared_ms, at_ms=row.shared_at_ms)
    return Purse(community=community, person=_everywhere(row, tariff, now_ms)).refilled(tariff, now_ms)


def bucket(row: Row[Any]) -> Bucket:
    """The one of the account's community, or of all accounts of somebody linked. row: of `held`."""
    if row.shared_ms is None:
        return Bucket(level_ms=row.tokens_ms, at_ms=row.tokens_at_ms)
    return Bucket(level_ms=row.shared_ms, at_ms=row.shared_at_ms)


def keep(db: Connection, row: Row[Any], after: Purse, *, sfq_finish: int) -> None:
    """The purse after a payment or a refund, and the account's new fairness tag. row: of `held`, locked."""
    of_everywhere = {"everywhere_ms": after.person.level_ms, "everywhere_at_ms": after.person.at_ms}
    of_community = {"tokens_ms": after.community.level_ms, "tokens_at_ms": after.community.at_ms}
    of_account: dict[str, Any] = {"of_account": row.id, "sfq_finish": sfq_finish}
    if row.shared_ms is None:
        of_account |= of_community
    else:
        of_everywhere |= of_community
    db.execute(_account(), of_account)
    db.execute(_person(), {"of_person": row.person_id, **of_everywhere})


def join(db: Connection, person_id: int, purse: Purse) -> None:
    """From now on these are the person's buckets, wherever they ask: for somebody linked."""
    shared = {"tokens_ms": purse.community.level_ms, "tokens_at_ms": purse.community.at_ms}
    everywhere = {"everywhere_ms": purse.person.level_ms, "everywhere_at_ms": purse.person.at_ms}
    db.execute(_person(), {"of_person": person_id, **shared, **everywhere})


def _everywhere(row: Row[Any], tariff: Tariff, now_ms: int) -> Bucket:
    if row.everywhere_ms is None:
        return Bucket(level_ms=tariff.person.burst_ms, at_ms=now_ms)
    return Bucket(level_ms=row.everywhere_ms, at_ms=row.everywhere_at_ms)


# Made once: building a statement costs as much as running it, and these are in every submit.
@cache
def _account() -> Update:
    return update(account).where(account.c.id == bindparam("of_account", type_=INT))


@cache
def _person() -> Update:
    return update(person).where(person.c.id == bindparam("of_person", type_=INT))
