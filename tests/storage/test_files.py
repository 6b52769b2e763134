"""Files that another program holds for a moment, as scanners on Windows do: tried again, and never for ever."""

from __future__ import annotations

import ast
import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.tensorfile import read_tensors, write_tensors
from engine.video import SegmentStore
from storage import files
from storage.film import shrink
from storage.gate import back_up
from storage.jobs import Blob
from storage.media import Media
from storage.sqlite import choose_sqlite
from tests.storage.test_film_files import write_film

ROOT = Path(__file__).parents[2]


def refusal(winerror: int | None) -> PermissionError:
    error = PermissionError(13, "The process cannot access the file because it is being used by another process")
    if winerror is not None:
        error.winerror = winerror  # type: ignore[attr-defined]
    return error


class Scanner:
    """Holds each name that is renamed, removed or written, for its first tries."""

    def __init__(self, tries: int, winerror: int | None = 32) -> None:
        self.refused = 0
        self._tries, self._winerror = tries, winerror
        self._seen: dict[tuple[str, str], int] = {}

    def check(self, act: str, path: object) -> None:
        key = (act, str(path))
        self._seen[key] = self._seen.get(key, 0) + 1
        if self._seen[key] <= self._tries:
            self.refused += 1
            raise refusal(self._winerror)


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Scanner]:
    """Let a scanner at the operating system's own calls; what is not there is not held."""

    def begin(tries: int = 2, winerror: int | None = 32) -> Scanner:
        scanner = Scanner(tries, winerror)
        real_replace, real_unlink, real_open = Path.replace, Path.unlink, Path.open

        def replace(self: Path, target: Any) -> Path:
            scanner.check("replace", self)
            return real_replace(self, target)

        def unlink(self: Path, missing_ok: bool = False) -> None:
            if self.exists():
                scanner.check("unlink", self)
            real_unlink(self, missing_ok=missing_ok)

        def open_(self: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if set(mode) & set("wa+"):
                scanner.check("open", self)
            return real_open(self, mode, *rest, **named)

        monkeypatch.setattr(Path, "replace", replace)
        monkeypatch.setattr(Path, "unlink", unlink)
        monkeypatch.setattr(Path, "open", open_)
        return scanner

    return begin


@pytest.mark.parametrize("winerror", sorted(files.SHARING_ERRORS))
def test_what_is_held_for_a_moment_is_tried_again(winerror: int) -> None:
    answers = iter([refusal(winerror)] * 4)
    waits: list[float] = []

    def act() -> str:
        for error in answers:
            raise error
        return "done"

    assert files.patiently(act, sleep=waits.append) == "done"
    assert waits == [0.02, 0.04, 0.08, 0.16]


@pytest.mark.parametrize("winerror", [None, 1314], ids=["POSIX", "another reason"])
def test_a_missing_right_is_final(winerror: int | None) -> None:
    tries: list[int] = []

    def act() -> None:
        tries.append(1)
        raise refusal(winerror)

    with pytest.raises(PermissionError):
        files.patiently(act)
    assert len(tries) == 1


def test_ffmpeg_tells_no_code_and_counts_on_windows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not files.held_by_another(refusal(None))
    monkeypatch.setattr(files.sys, "platform", "win32")
    assert files.held_by_another(refusal(None))
    assert not files.held_by_another(refusal(1314))


def test_patience_ends() -> None:
    tries: list[float] = []

    def act() -> None:
        tries.append(time.monotonic())
        raise refusal(32)

    with pytest.raises(PermissionError):
        files.patiently(act, patience_s=0.3)
    assert 3 <= len(tries) <= 10
    assert tries[-1] - tries[0] < 2


async def test_an_event_loop_is_never_made_to_wait() -> None:
    tries: list[int] = []

    def act() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise refusal(32)
        return "done"

    with pytest.raises(PermissionError):
        files.patiently(act)
    assert len(tries) == 1
    assert await asyncio.to_thread(files.patiently, act) == "done"


def test_a_failed_write_leaves_the_earlier_file(tmp_path: Path, scanned: Callable[..., Scanner]) -> None:
    path = tmp_path / "note.json"
    files.write_atomically(path, "before")
    scanned(tries=99, winerror=None)
    with pytest.raises(PermissionError):
        files.write_atomically(path, "after")
    assert path.read_text("utf-8") == "before"


def test_text_and_copies_appear_whole(tmp_path: Path, scanned: Callable[..., Scanner]) -> None:
    scanner = scanned()
    files.write_atomically(tmp_path / "note.txt", "è così\n", durable=True)
    files.copy(tmp_path / "note.txt", tmp_path / "copy.txt")
    files.unlink(tmp_path / "note.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["copy.txt"]
    assert (tmp_path / "copy.txt").read_bytes() == "è così\n".encode()
    assert scanner.refused == 2 * 4


def test_a_folder_goes_though_a_file_in_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "segment.mp4").write_bytes(b"x")
    real, tries = shutil.rmtree, [0]

    def rmtree(path: Path, ignore_errors: bool = False) -> None:
        tries[0] += 1
        if tries[0] < 3:
            raise refusal(32)
        real(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    files.remove_folder(work)
    files.remove_folder(work)
    assert not work.exists()


def test_a_segment_a_checkpoint_a_film_and_a_backup_outlast_a_scanner(
    tmp_path: Path, scanned: Callable[..., Scanner]
) -> None:
    import numpy as np
    import torch

    film = write_film(tmp_path / "source.mp4", frames=10, width=64, height=48)
    sqlite = choose_sqlite()
    database = tmp_path / "data.db"
    sqlite.connect(database).close()
    scanner = scanned()

    store = SegmentStore(tmp_path / "work", frames=5, width=32, height=32, crf=18)
    store.write_segment(0, np.zeros((5, 32, 32, 3), np.uint8))
    assert store.has(0, 5)
    write_tensors(tmp_path / "step.safetensors", {"latents": torch.ones(2)}, {"step": "1"})
    assert read_tensors(tmp_path / "step.safetensors")[0]["latents"].tolist() == [1, 1]
    shrink(film, tmp_path / "small.mp4", bytes_max=film.stat().st_size)
    back_up(sqlite, database, tmp_path / "backups" / "daily.db")
    media = Media(tmp_path)
    blob = media.put_file(tmp_path / "small.mp4")
    assert media.verify(blob)
    media.remove(blob)
    assert not media.path(blob).exists()
    # Each of them was refused at least once.
    assert scanner.refused >= 2 * 9


def test_a_good_copy_that_an_upload_reads_stays(tmp_path: Path, scanned: Callable[..., Scanner]) -> None:
    media = Media(tmp_path)
    first = media.put_bytes(b"film", ".mp4")
    scanned(tries=1)
    started_s = time.monotonic()
    assert media.put_bytes(b"film", ".mp4") == first
    assert time.monotonic() - started_s < 1
    assert media.verify(Blob(sha256=first.sha256, suffix=".mp4", byte_count=4))


# -- nothing goes past it -----------------------------------------------------------------------------------------


_WRITERS = {"unlink", "rmtree", "write_text", "write_bytes", "copyfile", "removedirs"}
_FRESH = {
    # Writes into a new folder of its own, which gets its name only when it is whole.
    "engine/tiny.py": {"write_text"},
    # Teaching a model is no service to anybody: it is started again.
    "engine/little/tokens.py": {"write_text"},
    "engine/little/pack.py": {"write_text", "rmtree"},
    "engine/little/shipped.py": {"write_text"},
    # The null device.
    "storage/outputs.py": {"open"},
    # A first try, whose failure is answered.
    "storage/media.py": {"replace"},
}


def _acts(path: Path) -> Iterator[str]:
    """Calls that rename, remove or write files by themselves, without patience."""
    lines = path.read_text("utf-8").splitlines()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if not isinstance(node, ast.Call):
            continue
        for handed in node.args:
            # As in `to_thread(path.unlink)`.
            if isinstance(handed, ast.Attribute) and handed.attr in _WRITERS and ast.unparse(handed.value) != "files":
                yield handed.attr
        if not isinstance(node.func, ast.Attribute):
            continue
        owner, name = node.func.value, node.func.attr
        module = owner.id if isinstance(owner, ast.Name) else ""
        modes = {value.value for value in node.args if isinstance(value, ast.Constant) and isinstance(value.value, str)}
        acts = (
            name in _WRITERS
            or (module == "os" and name in ("remove", "rename", "replace"))
            # Of strings it takes two values, of data classes and times named ones.
            or (name == "replace" and len(node.args) == 1 and not node.keywords)
            # FFmpeg's files are new: what had the name before was removed with patience.
            or (name == "open" and module != "av" and any(set(mode) & set("wax+") for mode in modes))
        )
        if acts and module != "files" and "patiently(" not in lines[node.lineno - 1]:
            yield name


def test_every_rename_removal_and_write_goes_through_the_patient_module() -> None:
    past = [
        f"{name}: {act}"
        for package in ("bot", "engine", "storage")
        for path in sorted((ROOT / package).rglob("*.py"))
        if (name := path.relative_to(ROOT).as_posix()) != "storage/files.py"
        for act in _acts(path)
        if act not in _FRESH.get(name, ())
    ]
    assert past == [], "call storage.files instead"
