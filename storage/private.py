"""Files that only their owner may read: the data folder holds members' pictures and words.

On POSIX. On Windows a folder inherits the rights of the one that it lies in, and a person's own is closed to others.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

OTHERS = 0o077
OURS = (
    "flipbook.db*",
    "backups",
    "media",
    "work",
    "cache",
    "scratch",
    "aside-*",
    "engine.log*",
    "engine-settings.json*",
    "*.lock",
)
"""What lies in a data folder. A folder that holds other things too keeps their rights."""


def make_private(folder: Path, *, shared: bool = False) -> None:
    """Make a data folder, or close one that was made more open: folder and what lies in it, one level deep.

    What lies deeper cannot be reached past those. shared: several machines use it, perhaps through a group, which
    keeps its rights. Raises OSError where the folder cannot be made; rights that cannot be changed stay (a foreign
    owner, a file system without them).
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name == "nt":
        return
    away = 0o007 if shared else OTHERS
    _close(folder, away)
    with suppress(OSError):
        for entry in chain.from_iterable(map(folder.glob, OURS)):
            if not entry.is_symlink():
                _close(entry, away)


@contextmanager
def private_files() -> Generator[None]:
    """Whatever this process makes until the block ends is its owner's alone."""
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def _close(path: Path, away: int) -> None:
    with suppress(OSError):
        mode = path.stat().st_mode & 0o7777
        if mode & away:
            path.chmod(mode & ~away)
