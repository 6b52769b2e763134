"""The media folder: whole or absent, one file for one content, nothing left lying about for ever."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from storage.jobs import Blob
from storage.media import Media


@pytest.fixture
def media(tmp_path: Path) -> Media:
    return Media(tmp_path)


def files(media: Media) -> list[Path]:
    return sorted(path for path in media.folder.rglob("*") if path.is_file())


def test_file_lies_under_the_hash_of_its_content(media: Media) -> None:
    blob = media.put_bytes(b"a fox", ".png")
    sha256 = hashlib.sha256(b"a fox").hexdigest()
    assert blob == Blob(sha256=sha256, suffix=".png", byte_count=5)
    assert media.path(blob) == media.folder / sha256[:2] / f"{sha256[2:]}.png"
    assert media.path(blob).read_bytes() == b"a fox"
    assert files(media) == [media.path(blob)]


def test_file_that_is_put_is_moved(media: Media, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"x" * 3_000_000)
    blob = media.put_file(film)
    assert not film.exists()
    assert (blob.suffix, blob.byte_count) == (".mp4", 3_000_000)
    assert media.verify(blob)


@pytest.mark.parametrize("durable", [True, False])
def test_same_content_twice_is_one_file(media: Media, tmp_path: Path, durable: bool) -> None:
    first = media.put_bytes(b"a fox", ".png", durable=durable)
    (tmp_path / "again.png").write_bytes(b"a fox")
    assert media.put_file(tmp_path / "again.png", durable=durable) == first
    assert files(media) == [media.path(first)]


def test_many_threads_may_put_the_same_content(media: Media) -> None:
    threads = [threading.Thread(target=media.put_bytes, args=(b"a fox" * 100_000, ".png")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (path,) = files(media)
    assert path.read_bytes() == b"a fox" * 100_000


def test_flipped_bit_is_noticed_and_healed_by_putting_again(media: Media) -> None:
    blob = media.put_bytes(b"a fox", ".png")
    media.path(blob).write_bytes(b"a fax")
    assert not media.verify(blob)
    assert media.put_bytes(b"a fox", ".png") == blob
    assert media.verify(blob)


def test_removed_file_is_not_there_and_may_be_removed_again(media: Media) -> None:
    blob = media.put_bytes(b"a fox", ".png")
    media.remove(blob)
    media.remove(blob)
    assert not media.verify(blob)
    assert files(media) == []


@pytest.mark.parametrize("suffix", ["png", "", ".PNG", "./x", ".a b", ".tar.gz", ".." + "x" * 20])
def test_odd_suffix_is_refused(media: Media, suffix: str) -> None:
    with pytest.raises(ValueError, match="not a suffix"):
        media.put_bytes(b"a fox", suffix)
    assert files(media) == []


@pytest.mark.parametrize("sha256", ["", "../../../etc/passwd", "a" * 63, "A" * 64, "g" * 64])
def test_name_that_is_no_hash_leads_nowhere(media: Media, sha256: str) -> None:
    with pytest.raises(ValueError, match="not the name"):
        media.path(Blob(sha256=sha256, suffix=".png", byte_count=1))


FULL_DISK = """
import resource, sys
from pathlib import Path
from storage.media import Media

resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
media, film = Media(Path(sys.argv[1])), Path(sys.argv[2])
for put in (lambda: media.put_bytes(b"x" * 3_000_000, ".mp4"), lambda: media.put_file(film)):
    try:
        put()
    except OSError:
        print("refused")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes there")
def test_disk_that_fills_up_in_the_middle_leaves_no_torn_file(media: Media, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"y" * 3_000_000)
    arguments = [sys.executable, "-c", FULL_DISK, str(media.folder.parent), str(film)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout.split() == ["refused", "refused"]
    assert files(media) == []
    assert film.stat().st_size == 3_000_000


KILLED = """
import io, os, signal, sys
from pathlib import Path
from storage.media import Media

class Source(io.BytesIO):
    def read(self, size=-1):
        if self.tell():
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        return super().read(size)

Media(Path(sys.argv[1]))._put(Source(b"x" * 3_000_000), ".mp4", durable=True)
"""


def test_what_a_killed_process_left_is_swept_once_it_is_old(media: Media) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(media.folder.parent)], check=False, cwd=Path(__file__).parents[2])
    (left,) = files(media)
    modified_ms = left.stat().st_mtime_ns // 1_000_000
    assert media.sweep(older_than_ms=modified_ms) == 0
    assert media.sweep(older_than_ms=modified_ms + 1) == 1
    assert files(media) == []


def test_files_that_no_row_names_are_orphans(media: Media) -> None:
    known = media.put_bytes(b"known", ".png")
    unknown = media.put_bytes(b"unknown", ".png")
    assert list(media.orphans({known.sha256})) == [media.path(unknown)]


def test_folder_that_was_never_written_has_nothing_to_sweep(media: Media) -> None:
    assert media.sweep(older_than_ms=2**60) == 0
    assert list(media.orphans(set())) == []


def test_a_file_that_is_put_again_while_it_is_discarded_stays(media: Media, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = media.put_bytes(b"a fox", ".png")
    path = media.path(blob)
    os.utime(path, (1000, 1000))
    replace, puts = Path.replace, [blob]

    def put_right_before(self: Path, target: Path) -> Path:
        if self == path and puts:
            assert media.put_bytes(b"a fox", ".png") == puts.pop()
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", put_right_before)
    assert not media.discard(path, older_than_ms=2_000_000)
    assert puts == []
    assert media.verify(blob)
    os.utime(path, (1000, 1000))
    assert media.discard(path, older_than_ms=2_000_000)
    assert files(media) == []
    assert not media.discard(path, older_than_ms=2_000_000)


def test_a_file_that_is_used_again_counts_as_young_if_it_is_whole(media: Media) -> None:
    blob = media.put_bytes(b"a fox", ".png")
    path = media.path(blob)
    os.utime(path, (1000, 1000))
    assert media.keep(blob)
    assert path.stat().st_mtime > 2000
    path.write_bytes(b"a fax")
    assert not media.keep(blob)
    path.unlink()
    assert not media.keep(blob)
    assert media.damaged(blob)
