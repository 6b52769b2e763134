"""`flipbook restore` and `flipbook erase`: what the owner does by hand, told line by line."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot import exits
from bot.installation import chosen
from storage.clock import SystemClock
from storage.database import FILE_NAME, Database
from storage.errors import DatabaseRefused
from storage.jobs import Member
from storage.keeping import scrub
from storage.logs import set_up_log
from storage.media import Media
from storage.restore import Restored, restore
from storage.settings import Settings
from storage.store import Store
from storage.store.erasure import Erased

NUMBERS_SHOWN = 20


def restore_backup(options: argparse.Namespace) -> int:
    settings = chosen(options)
    set_up_log(settings.log.level)
    _say(_of_restore(asyncio.run(restore(settings, SystemClock(), options.backup))))
    return exits.DONE


def erase(options: argparse.Namespace) -> int:
    settings = chosen(options)
    set_up_log(settings.log.level)
    member = Member(platform=options.platform, user_id=options.user_id, name="")
    erased, left = asyncio.run(_erase(settings, member))
    if not erased.known:
        told = f"{member.user_id} on {member.platform}"
        _say(iter([f"Nobody is known here as {told}, so nothing was erased: see that platform and number are right."]))
        return exits.REFUSED
    _say(_of_erasure(erased, left))
    return exits.DONE


async def _erase(settings: Settings, member: Member) -> tuple[Erased, list[Path]]:
    """Also while a bot runs; what this is too early or too busy for, the bot does by itself."""
    folder, clock = settings.data.folder, SystemClock()
    if settings.data.database is None and not (folder / FILE_NAME).is_file():
        raise DatabaseRefused(f"There is no database in {folder}, so nobody is known there.")
    async with await Database.open(folder, settings.data.database) as database:
        store = Store.of(database, settings, clock)
        erased = await store.erase(member)
        left = await scrub(store, database, Media(folder), folder, clock)
    return erased, left or []


def _of_restore(restored: Restored) -> Iterator[str]:
    yield f"Restored {restored.backup}; the database before it lies in {restored.aside}."
    for reason in restored.passed_over:
        yield f"Passed over: {reason}"
    gap, mended = restored.gap, restored.mended
    if gap.unread:
        yield f"The old database cannot be read to its end ({gap.unread}); more than this may be missing:"
    yield f"Accepted after the backup and unknown now: {_numbers(gap.accepted)}."
    yield f"Went on after the backup, now as they were then: {_numbers(gap.changed)}."
    yield f"Were running, queued again: {_numbers(mended.queued_again)}."
    if mended.drawn_again:
        yield f"Go on from an earlier part, whose later checkpoints are gone: {_numbers(mended.drawn_again)}."
    if mended.film_lost:
        yield f"Done, but the film is gone; refunded and said so: {_numbers(mended.film_lost)}."
    if mended.forgotten:
        yield f"Shown long ago, and their files are gone; marked as no longer kept: {_numbers(mended.forgotten)}."
    if restored.files_aside:
        yield f"{restored.files_aside} media files that the backup does not know lie in {restored.aside / 'media'}."


def _of_erasure(erased: Erased, left: Sequence[Path]) -> Iterator[str]:
    if not erased.requests:
        yield "Erased: name and number. They had asked for no film."
        return
    yield f"Erased: {_numbers(erased.requests)}. Open ones were cancelled first: {_numbers(erased.cancelled)}."
    if erased.derived:
        yield f"Made of these by others, and taken away too: {_numbers(erased.derived)}."
    if erased.messages:
        yield "A bot that runs takes these messages away from chats:"
    for ref in erased.messages:
        yield f"  {ref.platform}: chat {ref.chat_id}, message {ref.message_id}"
    for folder in left:
        yield f"{folder} may still name them: look, and delete it by hand."


def _numbers(numbers: Sequence[int]) -> str:
    if not numbers:
        return "none"
    shown = ", ".join(map(str, numbers[:NUMBERS_SHOWN]))
    more = len(numbers) - NUMBERS_SHOWN
    return f"{len(numbers)} ({shown}{f' and {more} more' if more > 0 else ''})"


def _say(lines: Iterator[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
