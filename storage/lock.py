"""One bot for a data folder: a lock that dies with its process, on every system."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from storage.errors import DatabaseRefused
from storage.files import PATIENCE_FOR_LOCKS_S


@contextmanager
def hold(folder: Path, owner: str) -> Generator[None]:
    """Own the data folder as `owner` ("bot") until the block ends or the process dies, however it dies.

    Raises DatabaseRefused where another process owns it: at once, on Windows after some seconds.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{owner}.lock"
    try:
        lock = FileLock(path).acquire(timeout=PATIENCE_FOR_LOCKS_S)
    except Timeout as exc:
        raise DatabaseRefused(
            f"Another {owner} already works on the data folder {folder}: stop it, or set data.folder to another place."
        ) from exc
    with lock:
        yield


def is_held(folder: Path, owner: str) -> bool:
    """Whether some process owns the data folder as `owner` at this moment."""
    if not (folder / f"{owner}.lock").is_file():
        return False
    try:
        with hold(folder, owner):
            return False
    except DatabaseRefused:
        return True
