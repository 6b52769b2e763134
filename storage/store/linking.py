"""One person on two platforms: a code that is shown on one and sent on the other makes them one.

A code counts once and for minutes. What is stored of it is its SHA-256: whoever reads a backup learns no code that
still counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from sqlalchemy import Connection, delete, func, insert, select, update

from storage.jobs import Member
from storage.quota import Bucket, Purse
from storage.schema import account, hide_vote, identity, ledger, link_code, link_guess, person
from storage.store import purse
from storage.store.members import identify
from storage.store.showing import Showing
from storage.store.transitions import Terms

CODE_LIFE_MS = 10 * 60_000
GUESSES_MAX = 5
GUESSES_MS = 3_600_000
"""So many wrong codes in so long, and no other is looked at until it is over."""


class Verdict(StrEnum):
    """What became of a code that was sent."""

    LINKED = "linked"
    WRONG = "wrong"
    """Mistyped, used or expired."""
    TRIED_OUT = "tried_out"
    SAME_PLATFORM = "same_platform"
    TAKEN = "taken"
    """One of the two is linked with another account of that platform already."""


@dataclass(frozen=True, slots=True)
class Redeemed:
    verdict: Verdict
    platform: str = ""
    """Which one SAME_PLATFORM and TAKEN are about."""
    wait_ms: int = 0
    """Of TRIED_OUT."""


class Linking(Showing):
    """The store's part in it. Every method is one transaction."""

    _terms: Terms

    async def offer_link(self, member: Member, sha256: str) -> None:
        """A code of this SHA-256 links to the member for CODE_LIFE_MS; any earlier one of theirs no longer does."""
        await self._database.write(lambda db: offer(db, self._terms, member, sha256))

    async def redeem_link(self, member: Member, sha256: str) -> Redeemed:
        """The member sends a code. A verdict, not an error: a wrong code is counted, which a rollback would undo."""
        return await self._database.write(lambda db: redeem(db, self._terms, member, sha256))

    async def spoil_link(self, sha256: str) -> None:
        """A code that others have seen counts no more."""
        spoil = partial(_forget, sha256=sha256)
        await self._database.write(spoil)


def offer(db: Connection, terms: Terms, member: Member, sha256: str) -> None:
    now_ms = terms.clock.now_ms()
    identity_id, _ = identify(db, member, now_ms)
    db.execute(delete(link_code).where((link_code.c.identity_id == identity_id) | (link_code.c.expires_ms <= now_ms)))
    db.execute(insert(link_code).values(identity_id=identity_id, sha256=sha256, expires_ms=now_ms + CODE_LIFE_MS))


def redeem(db: Connection, terms: Terms, member: Member, sha256: str) -> Redeemed:
    now_ms = terms.clock.now_ms()
    identity_id, person_id = identify(db, member, now_ms)
    if (wait_ms := _wait_ms(db, identity_id, now_ms)) > 0:
        return Redeemed(Verdict.TRIED_OUT, wait_ms=wait_ms)
    query = (
        select(link_code.c.identity_id, identity.c.person_id, identity.c.platform)
        .join_from(link_code, identity)
        # A clock that was set back must not make a code live for longer.
        .where(
            link_code.c.sha256 == sha256,
            link_code.c.expires_ms > now_ms,
            link_code.c.expires_ms <= now_ms + CODE_LIFE_MS,
        )
        .with_for_update()
    )
    offered = db.execute(query).one_or_none()
    if offered is None:
        _count_guess(db, identity_id, now_ms)
        return Redeemed(Verdict.WRONG)
    if offered.platform == member.platform:
        return Redeemed(Verdict.SAME_PLATFORM, offered.platform)
    taken = _platforms(db, offered.person_id) & _platforms(db, person_id)
    if taken or offered.person_id == person_id:
        return Redeemed(Verdict.TAKEN, min(taken, default=offered.platform))
    _forget(db, sha256)
    db.execute(delete(link_guess).where(link_guess.c.identity_id == identity_id))
    _join(db, terms, into=offered.person_id, person_id=person_id, now_ms=now_ms)
    return Redeemed(Verdict.LINKED)


def _join(db: Connection, terms: Terms, *, into: int, person_id: int, now_ms: int) -> None:
    """Everything of one person becomes the other's. The number that is left stands for nobody and is not used again.

    Accounts cannot collide: one belongs to a community of one platform, and the two share none. Their counters, the
    requests and what those cost stay as they are; only whose they are changes.
    """
    both = (into, person_id)
    left = _least(db, terms, both, now_ms)
    for table in (identity, account, ledger):
        db.execute(update(table).where(table.c.person_id == person_id).values(person_id=into))
    voted = select(hide_vote.c.request_id).where(hide_vote.c.person_id == into)
    db.execute(delete(hide_vote).where(hide_vote.c.person_id == person_id, hide_vote.c.request_id.in_(voted)))
    db.execute(update(hide_vote).where(hide_vote.c.person_id == person_id).values(person_id=into))
    running = db.execute(select(person.c.running).where(person.c.id == person_id)).scalar_one()
    db.execute(update(person).where(person.c.id == into).values(running=person.c.running + running))
    nothing = dict.fromkeys(("tokens_ms", "tokens_at_ms", "everywhere_ms", "everywhere_at_ms")) | {"running": 0}
    db.execute(update(person).where(person.c.id == person_id).values(nothing))
    purse.join(db, into, left)


def _least(db: Connection, terms: Terms, persons: tuple[int, ...], now_ms: int) -> Purse:
    """The emptiest of their buckets: linking gives nobody more than they had anywhere."""
    db.execute(select(person.c.id).where(person.c.id.in_(persons)).order_by(person.c.id).with_for_update())
    rows = db.execute(purse.held().where(account.c.person_id.in_(persons)).with_for_update()).all()
    tariff = terms.tariff(db)
    purses = [purse.of_account(row, tariff, now_ms) for row in rows]
    purses += [purse.of_person(db, it, tariff, now_ms) for it in persons]

    def least(buckets: Iterable[Bucket]) -> Bucket:
        return min(buckets, key=lambda bucket: bucket.level_ms)

    return Purse(community=least(it.community for it in purses), person=least(it.person for it in purses))


def _platforms(db: Connection, person_id: int) -> set[str]:
    return set(db.execute(select(identity.c.platform).where(identity.c.person_id == person_id)).scalars())


def _wait_ms(db: Connection, identity_id: int, now_ms: int) -> int:
    """Until this member's next code is looked at; 0 where it is now."""
    row = db.execute(select(link_guess).where(link_guess.c.identity_id == identity_id)).one_or_none()
    if row is None or row.guesses < GUESSES_MAX or row.since_ms > now_ms:
        return 0
    return max(0, row.since_ms + GUESSES_MS - now_ms)


def _count_guess(db: Connection, identity_id: int, now_ms: int) -> None:
    same = link_guess.c.identity_id == identity_id
    db.execute(delete(link_guess).where(same, link_guess.c.since_ms <= now_ms - GUESSES_MS))
    if db.execute(select(func.count()).where(same)).scalar_one():
        db.execute(update(link_guess).where(same).values(guesses=link_guess.c.guesses + 1))
    else:
        db.execute(insert(link_guess).values(identity_id=identity_id, since_ms=now_ms, guesses=1))


def _forget(db: Connection, sha256: str) -> None:
    db.execute(delete(link_code).where(link_code.c.sha256 == sha256))
