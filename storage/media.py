"""The media folder: files named by the SHA-256 of their content, whole or absent.

A file is written beside its place, flushed, and moved there; the folder's own entry is flushed; only then may a
row name it. After any crash a row's file is there; a file without a row is garbage that `orphans` finds.
Synchronous: call it in a thread.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
from collections.abc import Container, Iterator
from pathlib import Path
from typing import BinaryIO

from storage import files
from storage.disks import sync_folder
from storage.failpoints import reach
from storage.jobs import Blob

_SUFFIX = re.compile(r"\.[a-z0-9]{1,11}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20
FUTURE_MS = 60_000
"""A file that seems to be written later than this from now has a time of a wall clock that was wrong."""


class Media:
    """`folder`/ab/cdef….png: the first two hex digits of the hash make the sub-folder, the rest the name."""

    def __init__(self, data_folder: Path) -> None:
        self.folder = data_folder / "media"
        self._unfinished = self.folder / "unfinished"
        self._rooted = False

    def put_file(self, path: Path, *, durable: bool = True) -> Blob:
        """Take a finished file in; `path` itself is gone afterwards.

        durable: on the disk before this returns. Raises OSError, and then nothing is stored and `path` remains.
        """
        with path.open("rb") as source:
            blob = self._put(source, path.suffix, durable=durable)
        files.unlink(path)
        return blob

    def put_bytes(self, data: bytes, suffix: str, *, durable: bool = True) -> Blob:
        """Store `data`; `suffix` with its dot. Raises OSError, and then nothing is stored."""
        return self._put(io.BytesIO(data), suffix, durable=durable)

    def path(self, blob: Blob) -> Path:
        """Where the file is, whether or not it exists. Raises ValueError for what is no blob of ours."""
        if not _SHA256.fullmatch(blob.sha256) or not _SUFFIX.fullmatch(blob.suffix):
            raise ValueError(f"not the name of a blob: {blob.sha256!r}{blob.suffix!r}")
        return self.folder / blob.sha256[:2] / f"{blob.sha256[2:]}{blob.suffix}"

    def verify(self, blob: Blob) -> bool:
        """Whether the file is there and every bit of it is right."""
        try:
            with self.path(blob).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == blob.sha256
        except OSError:
            return False

    def damaged(self, blob: Blob) -> bool:
        """Whether the file is missing or not what it was. Raises OSError where the disk does not tell."""
        try:
            with self.path(blob).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() != blob.sha256
        except FileNotFoundError:
            return True

    def spare(self, blob: Blob) -> bool:
        """A row will name it later than a sweep expects: it counts as just put. False where it is missing."""
        try:
            os.utime(self.path(blob))
        except FileNotFoundError:
            return False
        return True

    def keep(self, blob: Blob) -> bool:
        """Use a file once more, before a new row names it: a sweep spares it as if it had just been put.

        False where it is missing or damaged.
        """
        return self.spare(blob) and not self.damaged(blob)

    def remove(self, blob: Blob) -> None:
        """Removing what is not there is no error."""
        files.unlink(self.path(blob), missing_ok=True)

    def orphans(self, known: Container[str]) -> Iterator[Path]:
        """Files whose SHA-256 is not `known`.

        A file that was just put and whose row is not committed yet looks the same: spare the young ones.
        """
        for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
            if path.parent.name + path.name.partition(".")[0] not in known:
                yield path

    def discard(self, path: Path, *, older_than_ms: int, now_ms: int | None = None) -> bool:
        """Remove a file that was found among the orphans, unless it is young: somebody may have just put it again.

        now_ms: the age of a file of the future counts from then on.
        """
        aside = self._unfinished / f"{path.parent.name}{path.name}"
        if not _older(path, older_than_ms, now_ms):
            return False
        # Looked at once more out of everybody's reach: between a look and a removal a new file may take the name.
        self._unfinished.mkdir(parents=True, exist_ok=True)
        files.replace(path, aside)
        if not _older(aside, older_than_ms):
            files.replace(aside, path)
            return False
        files.unlink(aside)
        return True

    def sweep(self, *, older_than_ms: int, now_ms: int | None = None) -> int:
        """Remove what interrupted writes left behind before this moment (wall time). Returns how many files."""
        count = 0
        for path in self._unfinished.glob("*"):
            if _older(path, older_than_ms, now_ms):
                files.unlink(path, missing_ok=True)
                count += 1
        return count

    def _put(self, source: BinaryIO, suffix: str, *, durable: bool) -> Blob:
        if not _SUFFIX.fullmatch(suffix):
            raise ValueError(f"not a suffix for a blob: {suffix!r}")
        self._unfinished.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._unfinished)
        unfinished = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as target:
                digest = hashlib.sha256()
                while chunk := source.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    target.write(chunk)
                target.flush()
                reach("media.written")
                if durable:
                    os.fsync(target.fileno())
                byte_count = target.tell()
            blob = Blob(sha256=digest.hexdigest(), suffix=suffix, byte_count=byte_count)
            reach("media.rename.before")
            self._move_in(unfinished, blob, durable=durable)
            reach("media.kept")
        except BaseException:
            files.unlink(unfinished, missing_ok=True)
            raise
        return blob

    def _move_in(self, unfinished: Path, blob: Blob, *, durable: bool) -> None:
        place = self.path(blob)
        place.parent.mkdir(exist_ok=True)
        try:
            # Over an older copy as well: that one may have rotted, or its bytes may never have reached the disk.
            unfinished.replace(place)
        except PermissionError:
            # Windows does not replace a file that somebody reads, and an upload may read for minutes: a good one may
            # stay. Anything else is tried again.
            if self.verify(blob):
                files.unlink(unfinished)
            else:
                files.replace(unfinished, place)
        reach("media.renamed")
        if durable:
            sync_folder(place.parent)
            # The sub-folder may be new, and so may the media folder: once for each process is enough for that.
            sync_folder(self.folder)
            if not self._rooted:
                sync_folder(self.folder.parent)
                self._rooted = True


def _older(path: Path, than_ms: int, now_ms: int | None = None) -> bool:
    """Whether it was last written before this moment. False for what is gone."""
    try:
        written_ms = path.stat().st_mtime_ns // 1_000_000
        if now_ms is not None and written_ms > now_ms + FUTURE_MS:
            # Written before the wall clock was set back: it would stay until that has caught up.
            os.utime(path, (now_ms / 1000, now_ms / 1000))
            return False
        return written_ms < than_ms
    except FileNotFoundError:
        return False
