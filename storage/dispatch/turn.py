"""Who may be next: what waits, of members who may have one more film drawn."""

from __future__ import annotations

from sqlalchemy import Select, select

from storage.jobs import JobState
from storage.schema import account, in_state, person, request


def may_begin(running_max: int) -> Select[int]:
    """Queued requests of members with fewer than `running_max` under way, locked for the claim that takes one.

    Where several writers exist (PostgreSQL), two claimers pass each other; SQLite has one writer at a time. The member
    is locked too, and counts what runs in that very row: a claimer who comes later sees what the first one began.
    """
    return (
        select(request.c.id)
        # An index of the account alone would offer the wrong way in, by members, with all they wait for to be sorted.
        .join_from(request, account, account.c.id == request.c.account_id + 0)
        .join(person)
        .where(in_state(JobState.QUEUED), person.c.running < running_max)
        # key_share: a message that is being recorded does not hide its request from the claim.
        .with_for_update(of=(request, account, person), skip_locked=True, key_share=True)
    )
