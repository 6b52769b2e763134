"""On which installation an owner's command acts, from whatever folder it is called."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import botkit
import pytest
from botkit import nowhere
from botkit.house import bench

from bot.__main__ import main
from bot.installation import leave_note, notes_folder
from storage.clock import SystemClock
from storage.settings import load_settings

KIT = Path(botkit.__file__).parent
OWNERS = [["pause"], ["resume"], ["requeue", "1"], ["restore"], ["erase", "discord", "7"], ["doctor"]]
"""Every command that acts on a bot's data."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory that holds films of `try`, and a person of whom nothing else is known."""
    folder = tmp_path / "elsewhere"
    (folder / "flipbook-films").mkdir(parents=True)
    asyncio.run(filled(folder / "flipbook-films" / ".flipbook"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(KIT / "stub"), str(KIT.parent))))
    return folder


async def filled(folder: Path) -> None:
    async with bench(folder, SystemClock()) as room:
        await room.submit()


def installed(folder: Path) -> Path:
    """A bot's configuration, beside its data folder with a request in it."""
    folder.mkdir()
    asyncio.run(filled(folder / "data"))
    config = folder / "config.toml"
    config.write_text("[data]\nfolder = 'data'\nballast_bytes = 0\n" + nowhere.TELEGRAM)
    return config


def is_paused(folder: Path) -> bool:
    async def look() -> bool:
        async with bench(folder, SystemClock()) as room:
            return await room.store.paused() is not None

    return asyncio.run(look())


@pytest.mark.parametrize("line", OWNERS, ids=lambda line: line[0])
def test_where_no_bot_is_known_nothing_is_done_and_the_way_out_is_said(
    line: list[str], elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    [sentence] = captured.err.splitlines()
    assert "--config FILE" in sentence
    assert not is_paused(elsewhere / "flipbook-films" / ".flipbook")


@pytest.mark.parametrize("line", [line for line in OWNERS if line[0] not in ("requeue", "restore")], ids=lambda x: x[0])
def test_every_command_says_first_which_installation_it_means(
    line: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = installed(tmp_path / "bot")
    main([*line, "--config", str(config)])
    first = capsys.readouterr().out.splitlines()[0]
    assert first == f"Installation: {tmp_path / 'bot' / 'data'} (configuration {config})."


def test_the_configuration_in_the_working_directory_is_the_bots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = installed(tmp_path / "bot")
    monkeypatch.chdir(config.parent)
    assert main(["pause"]) == 0
    assert is_paused(config.parent / "data")


def test_the_environment_goes_before_the_working_directory_and_an_option_before_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, named, said = (installed(tmp_path / name) for name in ("here", "named", "said"))
    monkeypatch.chdir(here.parent)
    monkeypatch.setenv("FLIPBOOK_CONFIG", str(named))
    assert main(["pause"]) == 0
    assert [is_paused(one.parent / "data") for one in (here, named, said)] == [False, True, False]
    assert main(["pause", "--config", str(said)]) == 0
    assert [is_paused(one.parent / "data") for one in (here, named, said)] == [False, True, True]


def test_an_environment_that_names_nothing_is_no_reason_to_take_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = installed(tmp_path / "here")
    monkeypatch.chdir(here.parent)
    monkeypatch.setenv("FLIPBOOK_CONFIG", str(tmp_path / "gone.toml"))
    assert main(["pause"]) == 2
    assert "gone.toml" in capsys.readouterr().err
    assert not is_paused(here.parent / "data")


def test_a_bot_that_runs_is_found_from_anywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = installed(tmp_path / "bot")
    tokens = nowhere.TOKENS
    bot = subprocess.Popen(
        (sys.executable, "-m", "bot", "run", "--config", "config.toml"),
        cwd=config.parent,
        env={**os.environ, **tokens},
        stderr=subprocess.PIPE,
    )
    assert bot.stderr is not None
    try:
        for line in bot.stderr:
            if b"engine started" in line:
                break
        assert main(["pause"]) == 0
        assert is_paused(config.parent / "data")
    finally:
        bot.terminate()
        bot.communicate(timeout=60)
    assert main(["resume"]) == 0
    assert not is_paused(config.parent / "data")


def test_of_several_none_is_taken_and_each_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configs = [installed(tmp_path / name) for name in ("one", "two")]
    for config in configs:
        leave_note(config, load_settings(config))
        leave_note(config, load_settings(config))
    assert main(["pause"]) == 2
    said = capsys.readouterr().err
    for config in configs:
        assert f"--config {config} for {config.parent / 'data'}" in said
        assert not is_paused(config.parent / "data")


def test_notes_of_bots_that_are_gone_and_damaged_ones_are_passed_over(tmp_path: Path) -> None:
    gone, moved, here = (installed(tmp_path / name) for name in ("gone", "moved", "here"))
    for config in (gone, moved, here):
        leave_note(config, load_settings(config))
    gone.unlink()
    (moved.parent / "data").rename(moved.parent / "elsewhere")
    folder = notes_folder(os.environ)
    for number, text in enumerate(("", "[]", '"x"', "{", '{"config": 7}', '{"config": "a", "data": null}')):
        (folder / f"damaged-{number}.json").write_text(text)
    assert main(["pause"]) == 0
    assert is_paused(here.parent / "data")


def test_films_of_try_are_meant_by_naming_their_folder(elsewhere: Path, tmp_path: Path) -> None:
    leave_note(config := installed(tmp_path / "bot"), load_settings(config))
    assert main(["pause", "--out", "flipbook-films"]) == 0
    assert is_paused(elsewhere / "flipbook-films" / ".flipbook")
    assert not is_paused(config.parent / "data")


def test_history_stays_with_the_terminal_s_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave_note(config := installed(tmp_path / "bot"), load_settings(config))
    assert main(["history"]) == 0
    assert str(config.parent) not in capsys.readouterr().out


def test_doctor_names_the_installation_in_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = installed(tmp_path / "bot")
    main(["doctor", "--config", str(config), "--json"])
    assert json.loads(capsys.readouterr().out)["installation"] == str(config.parent / "data")


def test_every_system_has_a_place_for_notes() -> None:
    assert notes_folder({"LOCALAPPDATA": "x"}, "win32") == Path("x/flipbook/installations")
    assert notes_folder({"XDG_STATE_HOME": "y"}, "linux") == Path("y/flipbook/installations")
    assert notes_folder({}, "linux") == Path.home() / ".local/state/flipbook/installations"
    assert notes_folder({}, "darwin").parts[-4:] == ("Library", "Application Support", "flipbook", "installations")
