"""The store's promises as questions to a database: asked after every test, and by `flipbook doctor`.

What a constraint already makes unstorable is not asked: no key twice, never two open attempts, never two
settlements, no negative counter. Of the eighth promise, that a section is drawn again only after a kill or a
lost lease, one trace can be asked for: no later section belongs to an earlier attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Table, and_, case, func, or_, select

from storage.database import Database
from storage.documents import read_blob
from storage.jobs import SECTION_MS, Blob, JobState
from storage.media import Media
from storage.schema import (
    account,
    attempt,
    chat_message,
    hide_vote,
    identity,
    ledger,
    outbox,
    person,
    progress,
    queue,
    removal,
    request,
    request_blob,
    section,
)
from storage.store.erasure import ERASED
from storage.words import BlobRole, Canceller, LedgerKind, MessageKind, Outcome

Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    invariant: int
    """1 keys, 2 ledger, 3 attempts, 4 films, 5 counters, 6 outbox, 7 ends, 8 sections drawn once, 9 forgotten."""
    row: str
    """Which row is wrong: "request 17", "outbox 17/3"."""
    sentence: str

    def __str__(self) -> str:
        return f"{self.row}: {self.sentence} (invariant {self.invariant})"


@dataclass(frozen=True, slots=True)
class Rule:
    invariant: int
    table: Table
    broken: Condition
    """On rows of `table`, which are then named."""
    sentence: str


async def violations(database: Database, media: Media | None) -> list[Violation]:
    """Every promise that is broken at this moment. With `media`, every file is read as well."""
    found, files = await database.read(lambda db: (ask_all(db), _files(db) if media is not None else []))
    if media is not None:
        found += await asyncio.to_thread(lambda: [_bad(row) for row, blob in files if not media.verify(blob)])
    return found


def ask_all(db: Connection) -> list[Violation]:
    """Every promise that is broken as this transaction sees it, files apart."""
    return [violation for rule in rules() for violation in _ask(db, rule)]


@cache
def rules() -> tuple[Rule, ...]:
    families = (
        _ledger_rules,
        _attempt_rules,
        _film_rules,
        _counter_rules,
        _outbox_rules,
        _ending_rules,
        _person_rules,
        _forgetting_rules,
    )
    return tuple(rule for family in families for rule in family())


def _ledger_rules() -> Iterable[Rule]:
    r = request.c
    # What a member owed for an unfinished film is not known without its sections; all other sums outlive retention.
    known = r.trimmed_ms.is_(None) | (r.state != JobState.CANCELLED)
    reserved = _sum(ledger.c.ms, ledger.c.request_id == r.id, ledger.c.kind == LedgerKind.RESERVE)
    closings = _count(ledger, ledger.c.request_id == r.id, ledger.c.kind.in_(_CLOSINGS))
    # Whole sections, and the steps of one that a cancel left unfinished.
    part_ms = _sum(func.coalesce(attempt.c.part_ms, 0), attempt.c.request_id == r.id)
    drawn_ms = _count(section, section.c.request_id == r.id) * SECTION_MS + part_ms
    owed_ms = case(
        (r.lost_ms.is_not(None), 0),
        (r.state.in_((JobState.QUEUED, JobState.RUNNING, JobState.DONE)), r.duration_ms),
        (r.state.in_((JobState.FAILED, JobState.EXPIRED)), 0),
        (r.cancel_by == Canceller.OPERATOR, 0),
        (drawn_ms < r.duration_ms, drawn_ms),
        else_=r.duration_ms,
    )
    yield Rule(1, request, reserved != r.duration_ms, "what was asked for is not what was reserved")
    yield Rule(
        2,
        request,
        known & (_sum(ledger.c.ms, ledger.c.request_id == r.id) != owed_ms),
        "its ledger entries do not add up",
    )
    yield Rule(2, request, closings != _as_int(r.ended_ms.is_not(None)), "settled before its end, or not at all")


def _attempt_rules() -> Iterable[Rule]:
    r, a = request.c, attempt.c
    of_request = a.request_id == r.id
    last = select(a.outcome).where(of_request, a.epoch == r.epoch).scalar_subquery()
    ends = (Outcome.DONE, Outcome.FAILED, Outcome.CANCELLED)
    gapless = (_count(attempt, of_request) == r.epoch) & (_max(a.epoch, of_request) == r.epoch)
    yield Rule(3, request, ~gapless, "its attempts are not numbered from 1 to its epoch")
    yield Rule(
        3,
        request,
        (r.state == JobState.RUNNING) != _exists(attempt, of_request, a.epoch == r.epoch, a.ended_ms.is_(None)),
        "running without an open attempt of its epoch, or the reverse",
    )
    yield Rule(
        3,
        request,
        _exists(attempt, of_request, a.ended_ms.is_(None), a.epoch != r.epoch),
        "an attempt of an older epoch is open",
    )
    yield Rule(
        3, request, _exists(attempt, of_request, a.epoch < r.epoch, a.outcome.in_(ends)), "went on after its end"
    )
    yield Rule(
        3,
        request,
        or_(
            (r.state == JobState.DONE) != (func.coalesce(last, "") == Outcome.DONE),
            (r.state == JobState.FAILED) & last.not_in((Outcome.FAILED, Outcome.LOST)),
            (r.state != JobState.FAILED) & (func.coalesce(last, "") == Outcome.FAILED),
            (r.state != JobState.CANCELLED) & (func.coalesce(last, "") == Outcome.CANCELLED),
        ),
        "its state is not how its last attempt ended",
    )
    yield Rule(
        3, request, _count(attempt, of_request, a.outcome == Outcome.LOST) != r.tries, "tries are not its lost attempts"
    )
    held = _exists(request, r.id == progress.c.request_id, r.epoch == progress.c.epoch, r.state == JobState.RUNNING)
    yield Rule(3, progress, ~held, "reports on an attempt that is not running")


def _film_rules() -> Iterable[Rule]:
    r, s = request.c, section.c
    of_request = s.request_id == r.id
    kept = r.purged_ms.is_(None)
    count = _count(section, of_request)
    done = kept & (r.state == JobState.DONE)

    def has(role: BlobRole) -> Condition:
        return _exists(request_blob, request_blob.c.request_id == r.id, request_blob.c.role == role)

    whole = r.trimmed_ms.is_(None)
    yield Rule(4, request, done & whole & (count != r.sections), "done without all its sections")
    yield Rule(4, request, done & ~(has(BlobRole.FILM) & has(BlobRole.POSTER)), "done without its film or poster")
    yield Rule(4, request, (r.state != JobState.DONE) & has(BlobRole.FILM), "has a film and is not done")
    yield Rule(4, request, whole & ~has(BlobRole.PICTURE), "its picture is not known")
    yield Rule(
        4,
        request,
        kept & (count != func.coalesce(_max(s.idx, of_request) + 1, 0)),
        "a section before its last is missing",
    )
    earlier = section.alias()
    yield Rule(
        8,
        section,
        _exists(earlier, earlier.c.request_id == s.request_id, earlier.c.idx < s.idx, earlier.c.epoch > s.epoch),
        "drawn by an older attempt than a section before it",
    )


def _counter_rules() -> Iterable[Rule]:
    for state, counter in ((JobState.QUEUED, account.c.queued), (JobState.RUNNING, account.c.running)):
        count = _count(request, request.c.account_id == account.c.id, request.c.state == state)
        yield Rule(5, account, counter != count, f"its {state} counter is not the count")
    owned = request.join(account, account.c.id == request.c.account_id)
    drawn = _count(owned, account.c.person_id == person.c.id, request.c.state == JobState.RUNNING)
    yield Rule(5, person, person.c.running != drawn, "its running counter is not the count")
    waits = request.c.state == JobState.QUEUED
    yield Rule(5, queue, queue.c.queued != _count(request, waits), "its length is not the count")
    yield Rule(5, queue, queue.c.est_ms != _sum(request.c.est_ms, waits), "its GPU time is not the sum")


def _outbox_rules() -> Iterable[Rule]:
    r, o, m = request.c, outbox.c, chat_message.c
    of_request = o.request_id == r.id
    kept = r.purged_ms.is_(None)
    complete = (_count(outbox, of_request) == r.rev) & (func.coalesce(_max(o.rev, of_request), 0) == r.rev)
    newest = select(o.state).where(of_request, o.rev == r.rev).scalar_subquery()
    drained = ~_exists(outbox, of_request, o.sent_ms.is_(None))
    yield Rule(6, request, kept & ~complete, "its revisions are not all announced")
    yield Rule(6, request, kept & (newest != r.state), "its newest revision announces another state")
    later = outbox.alias()
    followed = _exists(later, later.c.request_id == o.request_id, later.c.rev > o.rev, later.c.sent_ms.is_not(None))
    yield Rule(6, outbox, o.sent_ms.is_(None) & followed, "owed although a newer revision is shown")
    shown = and_(m.request_id == r.id, kept, drained)
    yield Rule(6, chat_message, _exists(request, m.request_id == r.id, m.applied_rev > r.rev), "shows what never was")
    yield Rule(6, chat_message, _exists(request, shown, m.applied_rev != r.rev), "shows an old state for good")
    yield Rule(
        6,
        request,
        kept & drained & r.ended_ms.is_not(None) & (_count(chat_message, m.request_id == r.id, _OWN) > 1),
        "has ended with more than one message",
    )
    same = [m.platform == removal.c.platform, m.chat_id == removal.c.chat_id, m.message_id == removal.c.message_id]
    yield Rule(6, removal, _exists(chat_message, *same), "is to be taken away and is still known to show something")
    before = outbox.alias()
    yield Rule(
        7,
        outbox,
        _exists(
            before,
            before.c.request_id == o.request_id,
            before.c.rev == o.rev - 1,
            or_(*(and_(before.c.state == state, o.state.not_in(_NEXT[state])) for state in JobState)),
        ),
        "its state cannot follow the one before",
    )


def _ending_rules() -> Iterable[Rule]:
    r, o = request.c, outbox.c
    ends = _count(outbox, o.request_id == r.id, o.state == JobState.DONE)
    yield Rule(7, request, ends > 1 + _as_int(r.hidden_ms.is_not(None)), "done more often than it was covered")
    told = _exists(chat_message, chat_message.c.request_id == r.id, _OWN)
    yield Rule(6, request, r.unreached_ms.is_not(None) & told, "no chat takes it and yet a message shows it")


def _person_rules() -> Iterable[Rule]:
    r = request.c
    asked = select(identity.c.person_id).where(identity.c.id == r.identity_id).scalar_subquery()
    pays = select(account.c.person_id).where(account.c.id == r.account_id).scalar_subquery()
    yield Rule(2, request, asked != pays, "one person asked for it and another one's account pays")
    asker = request.join(identity, identity.c.id == r.identity_id)
    other = _exists(asker, r.id == ledger.c.request_id, identity.c.person_id != ledger.c.person_id)
    yield Rule(2, ledger, other, "one person asked for it and another one is billed")


def _forgetting_rules() -> Iterable[Rule]:
    r = request.c
    purged = r.purged_ms.is_not(None)
    files = [_exists(table, table.c.request_id == r.id) for table in (request_blob, section, outbox, hide_vote)]
    yield Rule(9, request, purged & or_(*files), "purged and still names its files or messages")
    erased = _exists(person, person.c.id == identity.c.person_id, person.c.erased_ms.is_not(None))
    yield Rule(9, identity, erased & (identity.c.platform != ERASED), "its person is erased and still has a name")
    billed = _exists(person, person.c.id == ledger.c.person_id, person.c.erased_ms.is_not(None))
    yield Rule(9, ledger, billed, "its person is erased and still named")
    named = _exists(identity, identity.c.id == r.identity_id, identity.c.platform == ERASED)
    yield Rule(9, request, named & (r.origin != ""), "its person is erased and its origin is kept")


_OWN = chat_message.c.kind != MessageKind.COPY
"""Where it was asked for, not wherever its film was posted once more."""
_CLOSINGS = (LedgerKind.SETTLE, LedgerKind.REFUND)
_NEXT = {
    JobState.QUEUED: (JobState.RUNNING, JobState.CANCELLED, JobState.EXPIRED),
    JobState.RUNNING: (JobState.QUEUED, JobState.DONE, JobState.FAILED, JobState.CANCELLED),
    **{state: () for state in JobState if state.terminal},
    # A film that is covered later is shown once more.
    JobState.DONE: (JobState.DONE,),
}


def _ask(db: Connection, rule: Rule) -> list[Violation]:
    key = rule.table.primary_key.columns
    rows = db.execute(select(*key).where(rule.broken).order_by(*key))
    return [
        Violation(invariant=rule.invariant, row=f"{rule.table.name} {'/'.join(map(str, row))}", sentence=rule.sentence)
        for row in rows
    ]


def _files(db: Connection) -> list[tuple[str, Blob]]:
    """Every file that a kept request needs, with the row that names it."""
    found: list[tuple[str, Blob]] = []
    for table in (request_blob, section):
        # A film that is known to be lost is no news.
        query = select(table).join(request).where(request.c.purged_ms.is_(None), request.c.lost_ms.is_(None))
        for row in db.execute(query.order_by(*table.primary_key.columns)):
            found.append((f"{table.name} {row[0]}/{row[1]}", read_blob(row)))  # noqa: PERF401
    return found


def _bad(row: str) -> Violation:
    return Violation(invariant=4, row=row, sentence="its file is missing or damaged")


def _count(table: Any, *where: Condition) -> ScalarSelect[int]:
    return select(func.count()).select_from(table).where(*where).scalar_subquery()


def _sum(column: ColumnElement[int], *where: Condition) -> ScalarSelect[int]:
    return select(func.coalesce(func.sum(column), 0)).where(*where).scalar_subquery()


def _max(column: ColumnElement[int], *where: Condition) -> ScalarSelect[int]:
    return select(func.max(column)).where(*where).scalar_subquery()


def _exists(table: Any, *where: Condition) -> Condition:
    return select(1).select_from(table).where(*where).exists()


def _as_int(condition: Condition) -> ColumnElement[int]:
    return case((condition, 1), else_=0)
