"""A file that only takes room, to be given up when the disk is full: even deleting rows needs some to write in."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from storage import files
from storage.disks import sync_file

FILE_NAME = "ballast"
_CHUNK_BYTES = 1 << 20

log = logging.getLogger(__name__)


class Ballast:
    """Synchronous: call it in a thread."""

    def __init__(self, folder: Path, *, size_bytes: int, free_bytes_min: int) -> None:
        """free_bytes_min: below it members are refused; the ballast is taken in only well above it."""
        self.path = folder / FILE_NAME
        self._part = self.path.with_suffix(".part")
        self._size_bytes = size_bytes
        self._free_bytes_min = free_bytes_min

    @property
    def kept(self) -> bool:
        return self.path.is_file()

    def tend(self) -> bool:
        """Give it up where the disk is all but full, take it in again where there is room; True where given up now."""
        free = shutil.disk_usage(self.path.parent).free
        if self.kept:
            if free >= self._size_bytes // 2:
                return False
            files.unlink(self.path, missing_ok=True)
            log.error(
                "the disk is full: the ballast is given up; free some room",
                extra={"folder": self.path.parent, "free_bytes": free, "ballast_bytes": self._size_bytes},
            )
            return True
        if self._size_bytes and free >= self._free_bytes_min + 2 * self._size_bytes:
            self._take_in()
        else:
            # Of a bot that was killed while it took one in.
            files.unlink(self._part, missing_ok=True)
        return False

    def _take_in(self) -> None:
        """Whole or not at all. Random: a file system that compresses would give zeros no room."""
        try:
            with files.patiently(lambda: self._part.open("wb")) as file:
                for start in range(0, self._size_bytes, _CHUNK_BYTES):
                    file.write(os.urandom(min(_CHUNK_BYTES, self._size_bytes - start)))
            sync_file(self._part)
            files.replace(self._part, self.path)
        except OSError as exc:
            files.unlink(self._part, missing_ok=True)
            log.warning("no ballast", extra={"reason": exc})
