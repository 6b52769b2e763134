from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import botkit
import pytest
from botkit import nowhere
from botkit.house import bench, gif, png
from PIL import Image
from rich.console import Console

from bot.__main__ import main
from bot.app import open_house
from bot.chat import Incoming
from bot.desk import Accepted, Desk
from bot.signals import on_stop
from bot.terminal.chat import HOME, PERSON
from bot.terminal.session import draw
from bot.terminal.settings import try_settings
from storage.clock import SystemClock
from storage.film import probe
from storage.jobs import JobState
from storage.settings import Settings

KIT = Path(botkit.__file__).parent
STUB = os.pathsep.join((str(KIT / "stub"), str(KIT.parent)))
"""On PYTHONPATH it stands before the real engine: the command, the store and the process are real."""


@pytest.fixture
def fox(tmp_path: Path) -> Path:
    path = tmp_path / "fox.png"
    path.write_bytes(png())
    return path


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("PYTHONPATH", STUB)
    return monkeypatch


def start(arguments: Sequence[str | Path], cwd: Path, env: Mapping[str, str] = {}) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (sys.executable, "-m", "bot", *map(str, arguments)),
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": STUB, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def stored(data: Path) -> int:
    database = data / "flipbook.db"
    if not database.exists():
        return 0
    connection = sqlite3.connect(database)
    try:
        return connection.execute("SELECT count(*) FROM request").fetchone()[0]
    finally:
        connection.close()


def test_a_film_from_a_picture_and_a_sentence(
    fox: Path, tmp_path: Path, stub: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["try", str(fox), "zoom in", "--seconds", "2,4", "--seed", "7", "--out", str(out), "--json"]) == 0
    captured = capsys.readouterr()
    [line] = captured.out.splitlines()
    report = json.loads(line)
    assert (report["state"], report["seed"], report["frames"], report["seconds"]) == ("done", 7, 73, 2.4)
    assert probe(Path(report["mp4"])).frames == 73
    assert Path(report["gif"]).is_file()
    assert report["request_id"] == 1
    assert report["took_s"] >= 0
    assert "nothing else" in captured.err
    assert "MP4" in captured.err

    assert main(["reroll", "1", "--out", str(out)]) == 2
    assert "nearly the same film" in capsys.readouterr().err
    assert main(["reroll", "1", "zoom out", "--out", str(out), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["request_id"], again["prompt"]) == (2, "zoom out")
    assert again["seed"] != 7
    assert main(["extend", "2", "it snows", "--seconds", "1.2", "--out", str(out)]) == 0
    assert "film-0003" in capsys.readouterr().out

    assert main(["history", "--out", str(out)]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[1:]] == ["3", "2", "1"]
    assert "it snows" in rows[1]
    assert not (tmp_path / "data").exists()


def test_without_a_picture_ours_is_animated(
    tmp_path: Path, stub: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["try", "--out", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["prompt"]


def test_a_strip_is_letterboxed_where_that_is_asked_for(
    tmp_path: Path, stub: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (900, 100), (40, 90, 160)).save(strip := tmp_path / "strip.png")
    out = str(tmp_path / "out")
    assert main(["try", str(strip), "zoom in", "--seconds", "1", "--letterbox", "--out", out, "--json"]) == 0
    assert "Letterbox: the film shows the whole picture" in " ".join(capsys.readouterr().err.split())


BAD_PICTURES = {
    "text.png": b"Dear diary",
    "truncated.jpg": None,
    "empty.png": b"",
    "dot.png": png(side=1),
}


@pytest.fixture
def picture(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    data = BAD_PICTURES[request.param]
    if data is None:
        Image.effect_noise((300, 300), 80).save(path, "JPEG")
        data = path.read_bytes()[:5000]
    path.write_bytes(data)
    return path


def refused(arguments: Sequence[str | Path], capsys: pytest.CaptureFixture[str], out: Path) -> str:
    """Run a command that must be refused before anything is stored; its one sentence."""
    assert main([*map(str, arguments), "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    [sentence] = captured.err.splitlines()
    assert sentence.endswith(".")
    assert stored(out / ".flipbook") == 0
    assert not list((out / ".flipbook").glob("[0-9a-f][0-9a-f]/*"))
    assert not list(out.glob("film-*"))
    return sentence


@pytest.mark.parametrize("picture", BAD_PICTURES, indirect=True)
def test_what_is_no_picture_is_refused_in_one_sentence(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(["try", picture], capsys, tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--seconds", "0"], "0.5 to 120"),
        (["--seconds=-1"], "0.5 to 120"),
        (["--seconds", "121"], "0.5 to 120"),
        (["--seconds", "abc"], "0.5 to 120"),
        (["--seed=-1"], "4294967295"),
        (["--steps", "101"], "1 to 100"),
        (["--size", "100"], "multiple of 16"),
        (["--schedule", "backward"], "inverted, forward"),
        (["--model", "sora"], "tiny, framepack"),
    ],
)
def test_options_out_of_range_are_refused_with_the_range(
    options: list[str], word: str, fox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert word in refused(["try", fox, "zoom in", *options], capsys, tmp_path / "out")


def test_wishes_that_cannot_be_drawn_are_refused(fox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert "at most 2000" in refused(["try", fox, "a" * 10_000], capsys, out)
    assert "inverted" in refused(["try", fox, "x", "--schedule", "forward", "--end-picture", fox], capsys, out)
    assert "no picture file" in refused(["try", tmp_path / "absent.png"], capsys, out)
    assert "cannot be read" in refused(["try", tmp_path], capsys, out)
    assert "no film number 5" in refused(["reroll", "5"], capsys, out)


def test_an_output_folder_that_cannot_be_written_is_said(
    fox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["try", str(fox), "--out", str(tmp_path / "file" / "out")]) == 2
    [sentence] = capsys.readouterr().err.splitlines()
    assert sentence.startswith("The output folder")


def test_an_unknown_key_in_the_configuration_is_named(
    fox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[engine]\nmodle = 'tiny'\n")
    for command in (["run"], ["try", str(fox)], ["doctor"], ["history"]):
        assert main([*command, "--config", str(config)]) == 2
        [sentence] = capsys.readouterr().err.splitlines()
        assert '"engine.modle"' in sentence


def test_with_json_a_refusal_is_an_object_too(fox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", str(fox), "--seconds", "0", "--out", str(tmp_path / "out"), "--json"]) == 2
    captured = capsys.readouterr()
    refusal = json.loads(captured.out)
    assert (refusal["state"], refusal["field"]) == ("refused", "seconds")
    assert refusal["error"] == captured.err.strip()


def test_an_engine_that_needs_its_owner_ends_the_command_with_its_sentence_and_a_cancelled_film(
    fox: Path, tmp_path: Path, stub: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.setenv("FLIPBOOK_STUB", "owner")
    out = tmp_path / "out"
    assert main(["try", str(fox), "x", "--out", str(out), "--model", "framepack"]) == 2
    assert capsys.readouterr().err.strip() == "The weights of model “framepack” are half downloaded."
    assert main(["history", "--out", str(out)]) == 0
    assert "cancelled" in capsys.readouterr().out


@pytest.mark.parametrize("line", [["fly"], [], ["try", "--secnds", "3"], ["reroll", "one"], ["run"]])
def test_a_mistyped_command_line_is_answered_in_one_sentence(
    line: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(line)
    assert caught.value.code == 2
    [sentence] = capsys.readouterr().err.splitlines()
    assert "_" not in sentence  # such as the name of a function


@pytest.mark.skipif(sys.platform == "win32", reason="a console Ctrl-C cannot be sent to one process there")
def test_ctrl_c_cancels_and_says_what_is_kept(fox: Path, tmp_path: Path) -> None:
    process = start(["try", fox, "x", "--out", "out", "--json"], tmp_path, {"FLIPBOOK_STUB": "slow"})
    assert process.stderr is not None
    for line in process.stderr:
        if "Part 1" in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out)["state"] == "cancelled"
    assert "part(s) had been drawn" in err
    assert "Cancelled" in err


@pytest.mark.skipif(sys.platform == "win32", reason="a console Ctrl-C cannot be sent to one process there")
def test_run_serves_until_it_is_told_to_stop_and_holds_its_folder(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[data]\nfolder = 'data'\n" + nowhere.TELEGRAM)
    process = start(["run", "--config", config], tmp_path, nowhere.TOKENS)
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if "engine started" in line:
            break
    second = start(["run", "--config", config], tmp_path)
    _, err = second.communicate(timeout=60)
    assert second.returncode == 2
    assert "Another bot already works on the data folder" in err.splitlines()[-1]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
    told = json.loads((tmp_path / "data" / "engine-settings.json").read_text())
    assert told["data"]["folder"] == str(tmp_path / "data")


def test_a_bot_without_a_token_says_what_to_set_and_ends(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[data]\nfolder = 'data'\nballast_bytes = 0\n")
    none = {"FLIPBOOK_DISCORD_TOKEN": "", "FLIPBOOK_TELEGRAM_TOKEN": ""}
    process = start(["run", "--config", config], tmp_path, none)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "FLIPBOOK_DISCORD_TOKEN" in err.splitlines()[-1]
    assert "FLIPBOOK_TELEGRAM_TOKEN" in err.splitlines()[-1]


def test_what_the_engine_is_told_holds_no_platform(tmp_path: Path) -> None:
    from bot.app import write_engine_settings
    from storage.settings import DiscordSettings, Settings

    path = tmp_path / "engine-settings.json"
    write_engine_settings(Settings(discord=DiscordSettings(proxy="http://me:secret@proxy")), path)
    assert "secret" not in path.read_text()
    assert Settings.model_validate_json(path.read_text()) == Settings()


def test_a_folder_in_use_refuses_a_second_film(fox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "out" / ".flipbook"
    code = (
        "import sys; from pathlib import Path; from storage.lock import hold\n"
        f"with hold(Path({str(data)!r}), 'bot'): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        (sys.executable, "-c", code), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=KIT.parent.parent
    )
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == b"held"
    try:
        assert main(["try", str(fox), "--out", str(tmp_path / "out")]) == 2
        assert "Another bot" in capsys.readouterr().err
    finally:
        holder.communicate()


@pytest.mark.parametrize(("behaviour", "code"), [("", 0), ("bad", 1), ("broken", 1)])
def test_doctor_asks_the_engine_and_tells_what_is_broken(
    behaviour: str, code: int, tmp_path: Path, stub: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.setenv("FLIPBOOK_STUB", behaviour)

    async def make() -> None:
        async with bench(tmp_path / "out") as room:
            await room.submit()

    asyncio.run(make())
    assert main(["doctor", "--data", str(tmp_path / "out"), "--out", str(tmp_path), "--json"]) == code
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["disk"]["ok"]
    assert "journal" in checks["sqlite"]["detail"]
    assert checks["database"]["detail"] == "all invariants hold"
    if behaviour == "broken":
        assert "no torch here" in checks["engine"]["detail"]
    else:
        assert checks["weights"]["ok"] is (behaviour == "")


def test_doctor_finds_a_film_that_is_no_longer_whole(
    tmp_path: Path, stub: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def make() -> None:
        async with bench(tmp_path / "data") as room:
            await room.submit()
            status = await room.draw_next()
        assert status.result is not None
        room.media.path(status.result.film).write_bytes(gif())

    asyncio.run(make())
    assert main(["doctor", "--data", str(tmp_path / "data"), "--out", str(tmp_path)]) == 1
    assert "!!" in capsys.readouterr().out


def test_doctor_shows_paths_as_they_are(
    tmp_path: Path, stub: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.setenv("COLUMNS", "400")
    folder = tmp_path / "[old]" / "[bold]films[" / "]"
    assert main(["doctor", "--data", str(folder)]) == 0
    assert str(folder) in capsys.readouterr().out


async def test_a_person_alone_is_held_to_no_communitys_limits(fox: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings = try_settings(None, out=out, data=None, model=None)
    async with open_house(settings, SystemClock()) as house:
        for number in range(2 * Settings().queue.queued_per_member_max):
            wish = Incoming(idem=f"{number}", member=PERSON, place=HOME, picture=fox.read_bytes(), prompt="x")
            accepted = await house.desk.submit(wish)
    assert accepted.status.position == number + 1
    assert settings.reroll.cooldown_s == 0


async def test_ctrl_c_while_a_film_is_accepted_cancels_it(fox: Path, tmp_path: Path, stub: pytest.MonkeyPatch) -> None:
    stub.setenv("FLIPBOOK_STUB", "slow")
    out = tmp_path / "out"

    async def ask(desk: Desk) -> Accepted:
        incoming = Incoming(idem="once", member=PERSON, place=HOME, picture=fox.read_bytes(), prompt="x")
        accepted = await desk.submit(incoming)
        signal.raise_signal(signal.SIGINT)
        return accepted

    settings = try_settings(None, out=out, data=None, model=None)
    console = Console(file=io.StringIO())
    async with asyncio.timeout(60):
        outcome = await draw(settings, out, ask, console, SystemClock())
    assert outcome.status.state is JobState.CANCELLED


async def test_a_stop_signal_reaches_the_loop_and_the_old_handler_returns() -> None:
    before = signal.getsignal(signal.SIGINT)
    told = asyncio.Event()
    with on_stop(told.set):
        signal.raise_signal(signal.SIGINT)
        async with asyncio.timeout(10):
            await told.wait()
    assert signal.getsignal(signal.SIGINT) is before


def test_the_bot_never_imports_torch() -> None:
    code = "import sys, bot.app, bot.commands; print([m for m in ('torch', 'engine', 'diffusers') if m in sys.modules])"
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, check=True, cwd=KIT.parent.parent)
    assert done.stdout.strip() == b"[]"


def test_help_imports_nothing_heavy() -> None:
    heavy = ("rich", "sqlalchemy", "pydantic", "PIL", "asyncio")
    code = f"import sys, bot.__main__ as m; m.parser(); print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, check=True, cwd=KIT.parent.parent)
    assert done.stdout.strip() == b"[]"
