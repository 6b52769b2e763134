"""Small notes on the disk about what is under way, so that a bot that starts again knows what a kill has left.

One JSON file for each, named by its number; written and read in a thread of their own, where they never queue behind
pictures. Notes are not flushed to the disk: they outlive the process, which is what they are for. A power cut may lose
one, and then the thing is dealt with as if it had never been begun.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from storage import files

T = TypeVar("T")

log = logging.getLogger(__name__)


class Notes:
    """The notes of one folder. One bot process writes there."""

    def __init__(self, folder: Path, *, notes_max: int, kept_s: float | None = None) -> None:
        """notes_max: read at a start, the oldest numbers first; the rest is torn up. kept_s: older ones are, too."""
        self._folder = folder
        self._notes_max = notes_max
        self._kept_s = kept_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=folder.name)

    async def write(self, number: int, content: Mapping[str, object]) -> None:
        """In place of what was noted under this number. Raises OSError."""
        await self._run(self._write, number, json.dumps(dict(content)))

    async def tear_up(self, number: int) -> None:
        """Also where there is none. Raises OSError."""
        await self._run(partial(files.unlink, self._path(number), missing_ok=True))

    async def read(self) -> dict[int, dict[str, object]]:
        """Every note, the lowest number first; what cannot be read is torn up. Raises OSError."""
        return await self._run(self._read)

    def close(self) -> None:
        """What is under way is finished; nothing is noted any more."""
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[..., T], *given: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.json"

    def _write(self, number: int, content: str) -> None:
        self._folder.mkdir(exist_ok=True)
        files.write_atomically(self._path(number), content)

    def _read(self) -> dict[int, dict[str, object]]:
        found: dict[int, dict[str, object]] = {}
        for number, path in sorted((_number(path), path) for path in self._folder.glob("*.json")):
            content = _content(path) if number >= 0 and len(found) < self._notes_max and self._is_young(path) else None
            if content is None:
                # Written by something else, too old to matter, or one too many.
                log.info("a note is let go", extra={"file": path.name})
                files.unlink(path, missing_ok=True)
            else:
                found[number] = content
        return found

    def _is_young(self, path: Path) -> bool:
        # A file's time is the wall clock's; where that was set back, a note lives longer, and `notes_max` bounds them.
        return self._kept_s is None or time.time() - path.stat().st_mtime <= self._kept_s


def _number(path: Path) -> int:
    return int(path.stem) if path.stem.isascii() and path.stem.isdecimal() and len(path.stem) <= 20 else -1


def _content(path: Path) -> dict[str, object] | None:
    try:
        content: object = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return cast("dict[str, object]", content) if isinstance(content, dict) else None
