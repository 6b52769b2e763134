"""`flipbook restore`, `flipbook erase` and the sentences of a data folder that cannot be used, through the command."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from botkit import nowhere
from botkit.house import MIA, bench
from botkit.recording import RecordingChat

from bot.__main__ import main
from bot.relay import Relay
from storage.backups import back_up
from storage.clock import SystemClock
from storage.database import FILE_NAME
from storage.errors import DatabaseRefused
from storage.jobs import Member
from storage.lock import hold

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a film that was shown, one that waits, and a backup of the moment between the two."""

    async def live() -> None:
        async with bench(tmp_path / "data", SystemClock()) as room:
            await room.submit()
            await room.draw_next()
            await Relay(room.store, room.media, {"test": RecordingChat()}).drain()
            await back_up(room.database, room.folder / "backups", SystemClock())
            await room.submit()

    asyncio.run(live())
    return tmp_path / "data"


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.toml"
    path.write_text("[data]\nfolder = 'data'\nballast_bytes = 0\n" + nowhere.TELEGRAM)
    return str(path)


def edit(data: Path, statement: str) -> None:
    with closing(sqlite3.connect(data / FILE_NAME)) as connection:
        connection.execute(statement)
        connection.commit()


def ruin(data: Path) -> None:
    path = data / FILE_NAME
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))


def run(config: str) -> tuple[int, str]:
    """`flipbook run` as a process: its exit code and its last words."""
    done = subprocess.run(
        [sys.executable, "-m", "bot", "run", "--config", config],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
        env={**os.environ, "FLIPBOOK_DISCORD_TOKEN": "", "FLIPBOOK_TELEGRAM_TOKEN": ""},
    )
    return done.returncode, done.stderr.strip().splitlines()[-1]


def test_a_damaged_database_is_refused_by_name_of_its_remedy_and_mended_by_it(
    data: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ruin(data)
    code, sentence = run(config)
    assert code == 2
    assert "is damaged" in sentence
    assert "`flipbook restore`" in sentence
    assert main(["restore", "--config", config]) == 0
    said = capsys.readouterr().out
    assert "Restored" in said
    assert "cannot be read to its end" in said
    assert main(["restore", "--config", config]) == 0
    assert "Accepted after the backup and unknown now: none." in capsys.readouterr().out
    assert len(list(data.glob("aside-*"))) == 2


def test_the_gap_is_told_by_number(data: Path, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    [backup] = (data / "backups").iterdir()
    assert main(["restore", str(backup), "--config", config]) == 0
    said = capsys.readouterr().out
    assert "Accepted after the backup and unknown now: 1 (2)." in said
    assert "Went on after the backup, now as they were then: none." in said


def test_restore_refuses_while_a_bot_holds_the_folder(
    data: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with hold(data, "bot"):
        assert main(["restore", "--config", config]) == 2
    assert "Another bot already works on the data folder" in capsys.readouterr().err
    assert list(data.glob("aside-*")) == []


def test_erase_forgets_a_person_also_while_a_bot_holds_the_folder(
    data: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["erase", MIA.platform, MIA.user_id, "--config", config]
    with hold(data, "bot"):
        assert main(arguments) == 0
    said = capsys.readouterr().out.splitlines()[1:]
    assert said[0] == "Erased: 2 (1, 2). Open ones were cancelled first: 1 (2)."
    assert said[1] == "A bot that runs takes these messages away from chats:"
    assert len(said) == 3
    assert said[2].startswith("  test: chat room, message ")
    prompt = b"the fox turns"
    assert [path for path in data.rglob("*.db*") if prompt in path.read_bytes()] == []
    assert main(arguments) == 2
    told = "Nobody is known here as 1 on test, so nothing was erased: see that platform and number are right."
    assert capsys.readouterr().out.splitlines()[1:] == [told]


def test_erase_knows_who_has_asked_for_nothing_and_how_a_platform_is_written(
    data: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def linked() -> None:
        async with bench(data) as room:
            await room.store.offer_link(Member(platform="discord", user_id="99", name="leo"), "ab" * 32)

    asyncio.run(linked())
    assert main(["erase", "Discord", "99", "--config", config]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["Erased: name and number. They had asked for no film."]
    assert main(["erase", "Discord", "99", "--config", config]) == 2


def test_erase_without_a_database_says_so(tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erase", "discord", "1", "--config", config]) == 2
    assert "There is no database" in capsys.readouterr().err


def test_doctor_names_the_row_of_a_hand_edited_ledger(
    data: Path, config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    edit(data, "UPDATE ledger SET ms = -100 WHERE request_id = 1 AND kind = 'settle'")
    assert main(["doctor", "--config", config, "--json"]) == 1
    said = capsys.readouterr().out
    assert "request 1: its ledger entries do not add up (invariant 2)" in said


def test_a_database_of_a_newer_version_is_refused_in_one_sentence(data: Path, config: str) -> None:
    edit(data, "UPDATE alembic_version SET version_num = '9999'")
    code, sentence = run(config)
    assert code == 2
    assert "written by a newer Flipbook (schema 9999" in sentence


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no read-only flag that counts there")
def test_a_read_only_data_folder_is_refused_in_one_sentence(data: Path, config: str) -> None:
    # For root no folder is read-only unless its file system is.
    mounted = _mount("--bind", str(data), str(data)) and _mount("-o", "remount,ro,bind", str(data))
    data.chmod(0o500) if not mounted else None
    try:
        if os.access(data, os.W_OK):
            pytest.skip("NOT TESTED: this user may write everywhere and mount nothing")
        code, sentence = run(config)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(data)], check=True)
        data.chmod(0o700)
    assert code == 2
    assert "cannot be written" in sentence


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM for one process there")
def test_an_engine_that_its_owner_must_mend_leaves_the_bot_up(tmp_path: Path, config: str) -> None:
    path = os.pathsep.join(str(folder) for folder in (ROOT / "tests" / "botkit" / "stub", ROOT / "tests", ROOT))
    tokens = nowhere.TOKENS
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "run", "--config", config],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, **tokens, "PYTHONPATH": path, "FLIPBOOK_STUB": "owner"},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "no film is drawn until the owner mends this" in line:
            assert "half downloaded" in line
            break
    with pytest.raises(DatabaseRefused, match="Another bot"), hold(tmp_path / "data", "bot"):
        pass
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 0


def _mount(*arguments: str) -> bool:
    return os.geteuid() == 0 and subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode == 0
