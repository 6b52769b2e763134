"""The file that only takes room, and how a full disk is told from other errors."""

from __future__ import annotations

import errno
import shutil
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from storage.ballast import Ballast
from storage.disks import disk_full
from storage.errors import DiskFull

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Room on the disk, as the test sets it: a real full disk is the crash suite's."""
    room = [10_000_000]
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(0, 0, room[0]))
    return room


def test_it_is_taken_in_given_up_and_taken_in_again(tmp_path: Path, free: list[int]) -> None:
    ballast = Ballast(tmp_path, size_bytes=3_000_000, free_bytes_min=1_000_000)
    assert not ballast.tend()
    assert ballast.path.stat().st_size == 3_000_000
    if sys.platform != "win32":
        assert ballast.path.stat().st_blocks * 512 >= 3_000_000
    free[0] = 1_500_000
    assert not ballast.tend()
    assert ballast.kept
    free[0] = 1_499_999
    assert ballast.tend()
    assert not ballast.kept
    # Not at once: what was freed is there to be used.
    free[0] = 4_499_999
    assert not ballast.tend()
    assert not ballast.kept
    free[0] = 7_000_000
    assert not ballast.tend()
    assert ballast.kept


def test_one_that_was_never_whole_is_given_up_too(tmp_path: Path, free: list[int]) -> None:
    """Its bot was killed while it was taken in."""
    part = tmp_path / "ballast.part"
    part.write_bytes(bytes(1_000_000))
    free[0] = 0
    assert not Ballast(tmp_path, size_bytes=3_000_000, free_bytes_min=1_000_000).tend()
    assert not part.exists()


def test_none_is_kept_where_none_is_wanted(tmp_path: Path, free: list[int]) -> None:
    ballast = Ballast(tmp_path, size_bytes=0, free_bytes_min=0)
    assert not ballast.tend()
    assert not ballast.kept


def test_one_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, free: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    ballast = Ballast(tmp_path, size_bytes=1, free_bytes_min=0)
    ballast.path.mkdir()
    assert not ballast.tend()
    assert "no ballast" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["ballast"]


def test_a_full_disk_is_known_through_whatever_it_is_wrapped_in() -> None:
    plain = OSError(errno.ENOSPC, "No space left on device")
    assert disk_full(plain)
    assert disk_full(DiskFull())
    wrapped = RuntimeError("the film")
    wrapped.__cause__ = plain
    assert disk_full(wrapped)
    assert not disk_full(OSError(errno.EIO, "Input/output error"))
    assert not disk_full(ValueError("full"))
    assert not disk_full(None)
