"""Whether one more request is accepted: is there room in the line, and would its turn come before it expires?"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select

from storage import fairness
from storage.errors import QueueFull, Rule
from storage.quota import about
from storage.schema import account
from storage.store import waiting
from storage.store.transitions import Terms

HOUR_MS = 3_600_000


def check(db: Connection, terms: Terms, line: Row[Any], *, person_id: int | None, finish: int) -> None:
    """line: the queue's row. person_id: None for somebody never seen. finish: their account's tag, 0 for a new one.

    Raises QueueFull.
    """
    _check_room(db, terms, line, person_id)
    _check_wait(db, terms, line, fairness.start_tag(virtual_ms=line.virtual_ms, finish=finish))


def _check_room(db: Connection, terms: Terms, line: Row[Any], person_id: int | None) -> None:
    if line.queued >= terms.queue.queued_max:
        sentence = f"The queue is full with {line.queued} films: try again in a while."
        raise QueueFull(sentence, rule=Rule.QUEUE_FULL, figures={"count": line.queued})
    own = db.execute(_waiting(), {"of_person": person_id}).scalar_one()
    if own >= terms.queue.queued_per_member_max:
        films = "1 film" if own == 1 else f"{own} films"
        sentence = f"You have {films} waiting already: let one begin, or cancel one, before you ask for more."
        raise QueueFull(sentence, rule=Rule.WAITING_ALREADY, figures={"count": own})


def _check_wait(db: Connection, terms: Terms, line: Row[Any], start: int) -> None:
    """Refuse what could only be promised for later than the owner allows.

    What comes later and starts earlier is not foreseen: the limit leaves room for it before requests expire.
    """
    most_ms = round(terms.queue.wait_hours_promised_max * HOUR_MS)
    work = waiting.at_work(db)
    # As if it were the last of all. Nearly always that is soon enough, and nothing has to be added up.
    if work.wait_ms(line.est_ms) <= most_ms or not waiting.measured(db):
        return
    before_ms = waiting.before_ms(db, start)
    wait_ms = work.wait_ms(line.est_ms if before_ms is None else before_ms)
    if wait_ms > most_ms:
        promised = f"at most {terms.queue.wait_hours_promised_max:g} h"
        sentence = f"Your film would wait {about(wait_ms)}, and {promised} are promised here: please try again later."
        raise QueueFull(sentence, rule=Rule.WAIT_TOO_LONG, figures={"wait_ms": wait_ms, "most_ms": most_ms})


# Made once: building a statement costs as much as running it, and a submit on a busy machine is mostly that.
@cache
def _waiting() -> Select[Any]:
    own = account.c.person_id == bindparam("of_person")
    return select(func.coalesce(func.sum(account.c.queued), 0)).where(own)
