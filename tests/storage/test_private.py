"""Who may read a data folder: its owner, and nobody else, whatever the umask says."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import botkit
import pytest
from botkit import nowhere
from botkit.house import bench, png

from bot.app import open_house
from storage.backups import back_up
from storage.clock import SystemClock
from storage.database import Database
from storage.private import make_private
from storage.settings import DataSettings, Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="rights are no bits there")
KIT = Path(botkit.__file__).parent


@pytest.fixture(autouse=True)
def open_umask() -> object:
    before = os.umask(0o000)
    yield
    os.umask(before)


def rights(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def readable_by_others(folder: Path) -> list[str]:
    """What another user of the machine can reach and read."""
    if folder.stat().st_mode & 0o077 == 0:
        return []
    return [str(path) for path in folder.rglob("*") if path.stat().st_mode & 0o077]


async def test_a_new_database_and_its_folder_are_the_owners_alone(tmp_path: Path) -> None:
    async with await Database.open(tmp_path / "data") as database:
        assert rights(tmp_path / "data") == "0o700"
        assert rights(tmp_path / "data" / "flipbook.db") == "0o600"
        for journal in (tmp_path / "data").glob("flipbook.db-*"):
            assert rights(journal) == "0o600"
        await back_up(database, tmp_path / "data" / "backups", SystemClock())
    [copy] = (tmp_path / "data" / "backups").iterdir()
    assert rights(copy) == "0o600"


async def test_what_was_made_more_open_before_is_closed_at_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with bench(folder) as room:
        await room.submit()
        await room.draw_next()
    for name in ("engine.log", "engine.log.1", "engine-settings.json"):
        (folder / name).write_text("x")
    (folder / "aside-1").mkdir()
    for path in (folder, *folder.iterdir()):
        path.chmod(0o777 if path.is_dir() else 0o666)
    async with open_house(Settings(data=DataSettings(folder=folder)), SystemClock()):
        assert rights(folder) == "0o700"
        assert [path.name for path in folder.iterdir() if path.stat().st_mode & 0o077] == []


def test_other_files_in_the_same_folder_keep_their_rights(tmp_path: Path) -> None:
    (tmp_path / "start.sh").write_text("")
    (tmp_path / "start.sh").chmod(0o755)
    make_private(tmp_path)
    assert rights(tmp_path / "start.sh") == "0o755"


def test_a_folder_that_several_machines_share_keeps_its_group(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    make_private(tmp_path, shared=True)
    assert rights(tmp_path) == "0o770"


def test_all_that_a_film_leaves_in_the_data_folder_is_closed_and_the_film_itself_as_the_person_has_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "fox.png").write_bytes(png())
    done = subprocess.run(
        (sys.executable, "-m", "bot", "try", "fox.png", "x", "--seconds", "1.2", "--out", "out"),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(KIT / "stub"), str(KIT.parent)))},
        umask=0o022,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert readable_by_others(tmp_path / "out" / ".flipbook") == []
    assert rights(tmp_path / "out" / ".flipbook") == "0o700"
    [film] = (tmp_path / "out").glob("*.mp4")
    assert rights(film) == "0o644"


def test_a_running_bot_makes_nothing_that_others_may_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[data]\nfolder = 'data'\nballast_bytes = 1000\n" + nowhere.TELEGRAM)
    tokens = nowhere.TOKENS
    bot = subprocess.Popen(
        (sys.executable, "-m", "bot", "run", "--config", "config.toml"),
        cwd=tmp_path,
        env={**os.environ, **tokens, "PYTHONPATH": os.pathsep.join((str(KIT / "stub"), str(KIT.parent)))},
        stderr=subprocess.PIPE,
        umask=0o000,
    )
    assert bot.stderr is not None
    try:
        for line in bot.stderr:
            if b"engine started" in line:
                break
        made = list((tmp_path / "data").rglob("*"))
        assert {"flipbook.db", "bot.lock", "engine-settings.json"} <= {path.name for path in made}
        assert [str(path) for path in made if path.exists() and path.stat().st_mode & 0o077] == []
    finally:
        bot.terminate()
        bot.communicate(timeout=60)
