"""Files put under their names, copied and removed, although other programs on Windows hold them for a moment.

An antivirus or an indexer opens every fresh file there for some 100 ms, and meanwhile nobody may rename, remove or
write it. Every such act of Flipbook goes through this module, which tries again for some seconds.
Synchronous: call it in a thread. On an event loop's own thread it tries once: waiting there would stop everyone.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 5.0
"""How long a refused act is tried again: far longer than any scanner takes, far shorter than anybody waits."""
PATIENCE_FOR_LOCKS_S = PATIENCE_S if sys.platform == "win32" else 0.0
"""For a lock file: a scanner that holds it looks like another owner."""
SHARING_ERRORS = frozenset((5, 32, 33))
"""ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION, as in OSError.winerror."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.02, 0.5


def patiently(
    act: Callable[[], T], *, patience_s: float = PATIENCE_S, sleep: Callable[[float], None] = time.sleep
) -> T:
    """What `act` returns; tried again while another program holds the file. Raises what the last try raised."""
    deadline_s = time.monotonic() + patience_s
    wait_s = _FIRST_WAIT_S
    while True:
        try:
            return act()
        except PermissionError as exc:
            if not held_by_another(exc) or time.monotonic() >= deadline_s or _on_event_loop():
                raise
        sleep(wait_s)
        wait_s = min(2 * wait_s, _LONGEST_WAIT_S)


def held_by_another(error: PermissionError) -> bool:
    """Whether this may pass by itself. POSIX refuses for good: a missing right, never another program."""
    code = getattr(error, "winerror", None)
    # FFmpeg hands on no code of Windows.
    return sys.platform == "win32" if code is None else code in SHARING_ERRORS


def replace(source: Path, target: Path) -> None:
    """Give a file or folder the name `target`, in place of a file that has it. Raises OSError."""
    patiently(lambda: source.replace(target))


def unlink(path: Path, *, missing_ok: bool = False) -> None:
    """Remove a file. Raises OSError."""
    patiently(lambda: path.unlink(missing_ok=missing_ok))


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it, as far as possible: what stays is for a later sweep."""
    try:
        patiently(lambda: shutil.rmtree(path))
    except FileNotFoundError:
        return
    except OSError:
        shutil.rmtree(path, ignore_errors=True)


def write_atomically(path: Path, content: bytes | str, *, durable: bool = False) -> None:
    """Whole under its name or not at all; text as UTF-8. One writer at a time for each path and process.

    durable: the content is on the disk before the name appears. Raises OSError, and then leaves an earlier file of
    that name as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    part = _part(path)
    try:
        with patiently(lambda: part.open("wb")) as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        replace(part, path)
    except BaseException:
        unlink(part, missing_ok=True)
        raise


def append(path: Path, data: bytes) -> None:
    """Write behind what a file holds. Raises OSError."""
    with patiently(lambda: path.open("ab")) as file:
        file.write(data)


def copy(source: Path, target: Path) -> None:
    """A copy that appears under its name only when it is whole: a viewer may have an older one open. Raises OSError."""
    part = _part(target)
    try:
        patiently(lambda: shutil.copyfile(source, part))
        replace(part, target)
    except BaseException:
        unlink(part, missing_ok=True)
        raise


def _part(path: Path) -> Path:
    # Two processes may write one name, such as an encoded prompt that both need.
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
