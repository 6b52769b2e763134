"""Rerolls: who may ask for how many of them, decided where the request is accepted, so that no race passes by."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from storage.errors import RequestRejected, Rule
from storage.jobs import JobState, Request, RequestKind
from storage.schema import identity, in_state, request
from storage.settings import RerollSettings
from storage.store.transitions import lock

_COUNTED = (JobState.QUEUED, JobState.RUNNING, JobState.DONE)
"""What came to nothing counts for nobody."""


def allow(
    db: Connection, wish: Request, rules: RerollSettings | None, *, person_id: int, account_id: int, now_ms: int
) -> int | None:
    """The film at the root of all rerolls that this one joins; None for what is no reroll.

    The parent and the account are locked by the caller: of two that come at once the second is judged after the first.
    Raises RequestRejected where the member has this film's reroll open, asked for another a moment ago, or where the
    film was rerolled often enough.
    """
    if wish.kind is not RequestKind.REROLL or wish.parent_id is None:
        return None
    original_id = _root(db, wish.parent_id)
    if rules is None:
        return original_id
    if (open_id := _open(db, wish.parent_id, person_id)) is not None:
        raise _refused(
            f"You have asked for another film of number {wish.parent_id} already: it is number {open_id}.",
            Rule.REROLL_OPEN,
            request_id=wish.parent_id,
        )
    wait_ms = _last_ms(db, account_id) + round(1000 * rules.cooldown_s) - now_ms
    # A wall clock that was set back must not make anybody wait for longer than the rule says.
    if 0 < wait_ms <= 1000 * rules.cooldown_s:
        sentence = f"You have asked for a reroll a moment ago: try again in {-(-wait_ms // 1000)} s."
        raise _refused(sentence, Rule.REROLL_TOO_SOON, wait_ms=wait_ms)
    # Rerolls of different films in one family do not share their parent's lock, but this one.
    lock(db, original_id)
    if _count(db, original_id) >= rules.per_film_max:
        raise _refused(
            f"Film {original_id} has been rerolled {rules.per_film_max} times, which is the most here: "
            "start a new film with the picture.",
            Rule.REROLLED_OUT,
            request_id=original_id,
            most=rules.per_film_max,
        )
    return original_id


def _root(db: Connection, parent_id: int) -> int:
    query = select(func.coalesce(request.c.original_id, request.c.id)).where(request.c.id == parent_id)
    return db.execute(query).scalar_one()


def _open(db: Connection, parent_id: int, person_id: int) -> int | None:
    query = (
        select(request.c.id)
        .join(identity)
        .where(
            request.c.parent_id == parent_id,
            request.c.kind == RequestKind.REROLL,
            in_state(JobState.QUEUED) | in_state(JobState.RUNNING),
            identity.c.person_id == person_id,
        )
    )
    return db.execute(query.limit(1)).scalar_one_or_none()


def _last_ms(db: Connection, account_id: int) -> int:
    own = request.c.account_id == account_id, request.c.kind == RequestKind.REROLL
    return db.execute(select(func.coalesce(func.max(request.c.created_ms), 0)).where(*own)).scalar_one()


def _count(db: Connection, original_id: int) -> int:
    counted = request.c.original_id == original_id, request.c.state.in_(_COUNTED)
    return db.execute(select(func.count()).where(*counted)).scalar_one()


def _refused(sentence: str, rule: Rule, **figures: int) -> RequestRejected:
    return RequestRejected(sentence, field="request", rule=rule, figures=figures)
