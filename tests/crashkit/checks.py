"""What must be true of a data folder and of the world around it, after every crash and once all is done."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from bot.relay import AT_ONCE_PER_ROOM
from crashkit.chat import look
from crashkit.journal import Journal
from crashkit.roles import section_author
from crashkit.terms import BURST_S
from storage.invariants import violations
from storage.jobs import Blob, JobState

if TYPE_CHECKING:
    from crashkit.site import Site


async def problems(site: Site, *, rested: bool) -> list[str]:
    """Broken promises, a sentence each. rested: nothing is under way any more, so files and chats are judged too."""
    found = [str(violation) for violation in await violations(site.database, site.media if rested else None)]
    found += await site.database.read(_money)
    found += await site.database.read(lambda db: _requests(db, site))
    if rested:
        found += await site.database.read(lambda db: _messages(db, site))
        found += await site.database.read(lambda db: _drawn_again(db, site))
        found += await asyncio.to_thread(_authors, site, await site.database.read(_sections))
    return found


def _money(db: Connection) -> list[str]:
    """Nothing is refilled here: what an account has and what it has paid are always what it began with."""
    paid = (
        "SELECT a.id, a.tokens_ms, coalesce(sum(l.ms), 0) FROM account a LEFT JOIN request r ON r.account_id = a.id"
        " LEFT JOIN ledger l ON l.request_id = r.id GROUP BY a.id"
    )
    everywhere = (
        "SELECT p.id, p.everywhere_ms, coalesce(sum(l.ms), 0) FROM person p LEFT JOIN ledger l ON l.person_id = p.id"
        " WHERE p.everywhere_ms IS NOT NULL GROUP BY p.id"
    )
    return [
        f"{whose} {number} has {tokens} ms and was charged {charged}: together not {BURST_S * 1000}"
        for whose, query in (("account", paid), ("person", everywhere))
        for number, tokens, charged in db.exec_driver_sql(query)
        if tokens + charged != BURST_S * 1000
    ]


def _requests(db: Connection, site: Site) -> list[str]:
    """Acknowledged updates are requests, each once; and nobody is given what they did not ask for."""
    rows = db.exec_driver_sql("SELECT id, json_extract(params, '$.prompt') FROM request").all()
    count = Counter(prompt for _, prompt in rows)
    found = [f"{prompt} is {number} requests" for prompt, number in count.items() if number > 1 + len(site.same)]
    found += [f"{prompt} was never asked for" for prompt in count if prompt not in site.sent]
    by_number = {number: prompt for number, prompt in rows}
    for line in Journal(site.terms.folder / "acknowledged.jsonl").lines():
        if by_number.get(line["request"]) != line["idem"]:
            found.append(f"{line['idem']} was acknowledged as request {line['request']}, which is not there")
    return found


def _messages(db: Connection, site: Site) -> list[str]:
    """One message about each request, which shows how it ended; a film for each that is done, sent once."""
    room = look(site.terms.folder)
    found: list[str] = []
    # A kill hits every delivery that is under way, each of which may have just posted its line.
    if room.orphans > site.bot_kills * AT_ONCE_PER_ROOM:
        found.append(f"{room.orphans} lines never became films after {site.bot_kills} kills")
    for number, state, rev in db.exec_driver_sql("SELECT id, state, rev FROM request"):
        live = room.live.get(number, [])
        shown = [(message.state, message.film) for message in live]
        if shown != [(JobState(state), state == JobState.DONE)]:
            found.append(f"request {number} is {state} at revision {rev} and the chat shows {shown}")
        found += [
            f"{'the film' if film else 'a status'} of request {number} was posted {room.created[number, film]} times"
            for film in (False, True)
            if room.created.get((number, film), 0) > 1
        ]
    return found


def _drawn_again(db: Connection, site: Site) -> list[str]:
    drawn = Counter((line["request"], line["index"]) for line in Journal(site.terms.folder / "drawn.jsonl").lines())
    again = sum(count - 1 for count in drawn.values())
    ends = "SELECT count(*) FILTER (WHERE outcome = 'lost'), count(*) FILTER (WHERE outcome = 'released') FROM attempt"
    lost, released = db.exec_driver_sql(ends).one()
    most = site.lost + released
    found = [f"{again} sections were drawn again after {most} losses"] if again > most else []
    return found + ([f"{lost} attempts were lost, by {site.lost} kills and leases"] if lost > site.lost else [])


def _sections(db: Connection) -> list[tuple[int, int, Blob]]:
    query = "SELECT request_id, epoch, sha256, suffix, byte_count FROM section"
    return [
        (number, epoch, Blob(sha256=sha256, suffix=suffix, byte_count=count))
        for number, epoch, sha256, suffix, count in db.exec_driver_sql(query)
    ]


def _authors(site: Site, sections: list[tuple[int, int, Blob]]) -> list[str]:
    return [
        f"a section of request {number} is attempt {epoch}'s and was drawn by {author}"
        for number, epoch, blob in sections
        if blob.suffix == ".ckpt" and (author := section_author(site.media, blob)) != f"{number}/{epoch}"
    ]
