"""A disk of a few megabytes that a test can really fill: memory, mounted as a file system. Linux, as root."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

MEGABYTES = 48
_CHUNK = bytes(4096)


@dataclass(frozen=True, slots=True)
class SmallDisk:
    folder: Path

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self) -> None:
        """Leave no room at all."""
        with self._filler.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(_CHUNK)
            except OSError as exc:
                if exc.errno != errno.ENOSPC:
                    raise

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path) -> Generator[SmallDisk]:
    """Mounted at `folder` until the block ends. Skips the test where the system does not let us."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=0777", "tmpfs", str(folder)]
    try:
        done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
        refused = done.stderr.strip() if done.returncode else ""
    except OSError as exc:
        refused = str(exc)
    if refused:
        pytest.skip(f"NOT TESTED ON A FULL DISK: {refused}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
