"""Forgetting a person: what they asked for, what came of it and who they were. The sums stay, without a name.

What others made of it goes as well: a reroll holds the same picture, and mostly the same words.

What stays of them is a number that leads nowhere, so that the books still add up and ids are never used twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from storage.documents import read_params, write_params
from storage.jobs import Member, MessageRef
from storage.schema import (
    account,
    hide_vote,
    identity,
    ledger,
    link_code,
    link_guess,
    outbox,
    person,
    request,
    request_blob,
    section,
)
from storage.store import removals
from storage.store.members import person_of
from storage.store.retention import film_lost
from storage.store.transitions import Terms, finish_cancelled, lock
from storage.words import Canceller

ERASED = "erased"
"""Stands where a platform's name stood."""
BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was forgotten, and what a database cannot take back."""

    known: bool = False
    """Whether anything was known of this person: they may have asked for nothing, and be known all the same."""
    requests: tuple[int, ...] = ()
    cancelled: tuple[int, ...] = ()
    """Of them: those that were open, queued or running, until now."""
    messages: tuple[MessageRef, ...] = ()
    """Of the bot, about these requests and the derived ones, in chats: a bot that runs takes them away."""
    derived: tuple[int, ...] = ()
    """Of others, made of these: their films, words and pictures are gone too, and nothing is charged for what was open
    or had not come to its chat."""


def erase(db: Connection, terms: Terms, member: Member) -> Erased:
    """Forget the person that this member is, on every platform. Nothing to forget is no error."""
    person_id = person_of(db, member)
    if person_id is None:
        return Erased()
    now_ms = terms.clock.now_ms()
    identities = list(db.execute(select(identity.c.id).where(identity.c.person_id == person_id)).scalars())
    query = select(request.c.id).where(request.c.identity_id.in_(identities)).order_by(request.c.id)
    requests = list(db.execute(query).scalars())
    cancelled = [request_id for request_id in requests if _end(db, terms, request_id)]
    derived = _derived(db, requests)
    for request_id in derived:
        _take_back(db, terms, request_id)
    # A chat knows them too: where their messages stand is kept until those are gone, and no longer.
    removals.owe_known(db, now_ms, [*requests, *derived])
    messages = removals.owed(db, [*requests, *derived])
    _forget_requests(db, requests, now_ms, nameless=True)
    _forget_requests(db, derived, now_ms, nameless=False)
    db.execute(
        update(ledger)
        .where((ledger.c.person_id == person_id) | ledger.c.request_id.in_(requests))
        .values(person_id=None)
    )
    db.execute(delete(hide_vote).where(hide_vote.c.person_id == person_id))
    for table in (link_code, link_guess):
        db.execute(delete(table).where(table.c.identity_id.in_(identities)))
    _forget_names(db, person_id, identities)
    db.execute(update(person).where(person.c.id == person_id).values(erased_ms=now_ms, scrubbed_ms=None))
    return Erased(
        known=True,
        requests=tuple(requests),
        cancelled=tuple(cancelled),
        messages=messages,
        derived=tuple(sorted(derived)),
    )


def unscrubbed(db: Connection) -> list[int]:
    """Erased persons whom freed pages, files or older backups may still hold."""
    query = select(person.c.id).where(person.c.erased_ms.is_not(None), person.c.scrubbed_ms.is_(None))
    return list(db.execute(query).scalars())


def scrubbed(db: Connection, terms: Terms, persons: list[int], *, erased_before_ms: int) -> None:
    """Those who were erased after `erased_before_ms` are due once more."""
    now_ms = terms.clock.now_ms()
    # Before the wall clock was set back: counted from now on, or their turn would come in years.
    later = person.c.id.in_(persons), person.c.erased_ms > now_ms
    db.execute(update(person).where(*later).values(erased_ms=now_ms))
    done = person.c.id.in_(persons), person.c.erased_ms <= erased_before_ms
    db.execute(update(person).where(*done).values(scrubbed_ms=now_ms))


def _end(db: Connection, terms: Terms, request_id: int) -> bool:
    """Cancel what is open at once; a worker that draws it hears so at its next beat, by its claim being void."""
    entry = lock(db, request_id)
    if entry is None or entry.state.terminal:
        return False
    canceller = entry.cancel_by or Canceller.MEMBER
    wish: dict[str, Any] = {} if entry.cancel_by else {"cancel_ms": terms.clock.now_ms(), "cancel_by": canceller}
    finish_cancelled(db, terms, entry, canceller, **wish)
    return True


def _derived(db: Connection, requests: Sequence[int]) -> list[int]:
    """What others made of these requests, and others of that, each locked: nothing new comes of it any more."""
    found: list[int] = []
    known, newest = set(requests), list(requests)
    while newest:
        some, newest = newest[:BATCH], newest[BATCH:]
        made = select(request.c.id).where(request.c.parent_id.in_(some)).order_by(request.c.id)
        for request_id in db.execute(made).scalars().all():
            if request_id not in known:
                lock(db, request_id)
                known.add(request_id)
                found.append(request_id)
                newest.append(request_id)
    return found


def _take_back(db: Connection, terms: Terms, request_id: int) -> None:
    """From somebody else, who has done nothing: what is open or was never shown costs them nothing."""
    entry = lock(db, request_id)
    assert entry is not None
    if not entry.state.terminal:
        wish: dict[str, Any] = {"cancel_ms": terms.clock.now_ms(), "cancel_by": Canceller.OPERATOR}
        finish_cancelled(db, terms, entry, Canceller.OPERATOR, **wish)
        return
    unsent = select(outbox.c.rev).where(outbox.c.request_id == request_id, outbox.c.sent_ms.is_(None)).limit(1)
    if db.execute(unsent).first() is not None:
        film_lost(db, terms, request_id)


def _forget_requests(db: Connection, requests: Sequence[int], now_ms: int, *, nameless: bool) -> None:
    """Many at a time: somebody may have asked for thousands, and others wait for the write lock.

    nameless: nothing leads to who asked any more.
    """
    for start in range(0, len(requests), BATCH):
        some = requests[start : start + BATCH]
        for table in (section, request_blob, outbox, hide_vote):
            db.execute(delete(table).where(table.c.request_id.in_(some)))
        without = [
            {"of": row.id, "params": _without_words(row.params), "key": f"{ERASED}:{row.id}"}
            for row in db.execute(select(request.c.id, request.c.params).where(request.c.id.in_(some)))
        ]
        columns: dict[str, Any] = {
            "params": bindparam("params"),
            "result": None,
            "trimmed_ms": func.coalesce(request.c.trimmed_ms, now_ms),
            "purged_ms": func.coalesce(request.c.purged_ms, now_ms),
        }
        if nameless:
            # The key, the room and what an adapter wanted back may hold a platform's number for a person.
            columns |= {"idem": bindparam("key"), "chat_id": "", "origin": ""}
        db.execute(update(request).where(request.c.id == bindparam("of")).values(columns), without)


def _without_words(document: str) -> str:
    return write_params(replace(read_params(document, {}), prompt="", negative_prompt="", style="", seed=0))


def _forget_names(db: Connection, person_id: int, identities: list[int]) -> None:
    for identity_id in identities:
        nobody = {"platform": ERASED, "platform_user_id": str(identity_id), "name": "", "locale": "en"}
        db.execute(update(identity).where(identity.c.id == identity_id).values(**nobody))
    for account_id in db.execute(select(account.c.id).where(account.c.person_id == person_id)).scalars().all():
        # A private chat is a community of one, named by the person's number.
        nowhere = {"platform": ERASED, "community_id": str(account_id)}
        db.execute(update(account).where(account.c.id == account_id).values(**nowhere))
