"""A database as a power cut leaves it: everything that was flushed, and any part of what was being written."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

from storage.database import FILE_NAME

_MAGIC = bytes.fromhex("d9d505f920a163d7")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The length of the log when this many requests had been acknowledged: that much of it is flushed."""

    acknowledged: int
    log_bytes: int


def tear_log(source: Path, target: Path, moments: list[Moment], chance: random.Random) -> int:
    """A copy whose write-ahead log ends anywhere, or ends in garbage. Requests that must be in it."""
    target.mkdir(parents=True)
    shutil.copy(source / FILE_NAME, target / FILE_NAME)
    log = (source / f"{FILE_NAME}-wal").read_bytes()
    place = chance.randint(moments[0].log_bytes, len(log))
    torn = log[:place] + _garbage(log[place:], chance)
    (target / f"{FILE_NAME}-wal").write_bytes(torn)
    return max(moment.acknowledged for moment in moments if moment.log_bytes <= place)


def tear_journal(before: Path, after: Path, target: Path, chance: random.Random) -> bool:
    """A copy in the middle of a commit with a rollback journal; whether the commit had begun to be written.

    before: with the journal that the transaction has written, nothing of it committed.  after: once it was.
    Either the journal is not flushed yet, and the database untouched; or it is, and the database is half written.
    """
    target.mkdir(parents=True)
    journal = (before / f"{FILE_NAME}-journal").read_bytes()
    old, new = (folder.joinpath(FILE_NAME).read_bytes() for folder in (before, after))
    writing = chance.random() < 0.5
    if writing:
        size = int.from_bytes(old[16:18], "big")
        pages = max(len(old), len(new)) // size
        mixed = b"".join(
            # The first page comes into the journal only with the commit itself.
            (new if page and chance.random() < 0.5 else old)[page * size : (page + 1) * size].ljust(size, b"\0")
            for page in range(pages)
        )
        (target / FILE_NAME).write_bytes(mixed)
        (target / f"{FILE_NAME}-journal").write_bytes(_counted(journal, size))
    else:
        (target / FILE_NAME).write_bytes(old)
        # A disk writes a sector whole or not at all, and this header says that the rest does not count yet.
        sector = int.from_bytes(journal[20:24], "big")
        place = sector * chance.randint(0, len(journal) // sector)
        rest = _garbage(journal[place:], chance) if place else bytes(chance.choice((0, sector)))
        (target / f"{FILE_NAME}-journal").write_bytes(journal[:place] + rest)
    return writing


def _garbage(rest: bytes, chance: random.Random) -> bytes:
    """What the disk may hold where a write was under way."""
    match chance.randrange(4):
        case 0:
            return b""
        case 1:
            return bytes(len(rest))
        case 2:
            return chance.randbytes(len(rest))
        case _:
            if not rest:
                return b""
            place = chance.randrange(len(rest))
            return rest[:place] + bytes([rest[place] ^ (1 << chance.randrange(8))]) + rest[place + 1 :]


def _counted(journal: bytes, page_bytes: int) -> bytes:
    """The journal as it is once flushed: its header is signed, and tells how many pages it holds."""
    sector = int.from_bytes(journal[20:24], "big")
    count = (len(journal) - sector) // (page_bytes + 8)
    return _MAGIC + count.to_bytes(4, "big") + journal[12:]
