"""Programs whose output nobody reads any more, with real pipes: they end, and a stop signal always ends them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import botkit
import pytest
from botkit import nowhere
from botkit.house import png

from bot import exits
from storage.lock import hold

KIT = Path(botkit.__file__).parent
STUB = os.pathsep.join((str(KIT / "stub"), str(KIT.parent)))
posix = pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM cannot be sent to one process there")


def start(arguments: Sequence[str | Path], cwd: Path, **env: str) -> subprocess.Popen[bytes]:
    tokens = nowhere.TOKENS
    return subprocess.Popen(
        (sys.executable, "-m", "bot", *map(str, arguments)),
        cwd=cwd,
        env={**os.environ, **tokens, "PYTHONPATH": STUB, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture
def fox(tmp_path: Path) -> Path:
    path = tmp_path / "fox.png"
    path.write_bytes(png())
    return path


def ended(process: subprocess.Popen[bytes], timeout_s: float = 60) -> int:
    try:
        return process.wait(timeout_s)
    finally:
        process.kill()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def is_free(folder: Path) -> bool:
    with hold(folder, "bot"):
        return True


def test_a_film_whose_progress_nobody_reads_is_cancelled_and_its_folder_let_go(fox: Path, tmp_path: Path) -> None:
    process = start(["try", fox, "x", "--out", "out"], tmp_path, FLIPBOOK_STUB="slow")
    assert process.stdout is not None
    # `| head -1`
    process.stdout.readline()
    process.stdout.close()
    assert ended(process) == exits.OUTPUT_CLOSED
    assert is_free(tmp_path / "out" / ".flipbook")
    past = subprocess.run(
        (sys.executable, "-m", "bot", "history", "--out", "out"), cwd=tmp_path, capture_output=True, check=True
    )
    assert b"cancelled" in past.stdout


def test_the_same_with_json_whose_progress_goes_to_standard_error(fox: Path, tmp_path: Path) -> None:
    process = start(["try", fox, "x", "--out", "out", "--json"], tmp_path, FLIPBOOK_STUB="slow")
    assert process.stderr is not None
    process.stderr.readline()
    process.stderr.close()
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["state"] == "cancelled"
    assert ended(process) == exits.OUTPUT_CLOSED


def test_a_bot_whose_log_nobody_reads_stops_in_order(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        "[data]\nfolder = 'data'\nballast_bytes = 0\n[log]\nlevel = 'debug'\n" + nowhere.TELEGRAM
    )
    process = start(["run", "--config", "config.toml"], tmp_path)
    assert process.stderr is not None
    process.stderr.readline()
    process.stderr.close()
    assert ended(process) == exits.OUTPUT_CLOSED
    assert is_free(tmp_path / "data")


@pytest.mark.parametrize(
    "line",
    [["--help"], ["try", "--help"], ["history", "--out", "out"], ["doctor", "--out", "out"], ["fly"]],
    ids=lambda line: line[0],
)
def test_every_verb_ends_quietly_where_its_output_was_closed_before(tmp_path: Path, line: list[str]) -> None:
    (tmp_path / "out").mkdir()
    reader, writer = os.pipe()
    os.close(reader)
    said = tmp_path / "said"
    wrong = line == ["fly"]
    with said.open("wb") as file:
        done = subprocess.run(
            (sys.executable, "-m", "bot", *line),
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": STUB},
            stdout=file if wrong else writer,
            stderr=writer if wrong else file,
            timeout=60,
            check=False,
        )
    os.close(writer)
    assert done.returncode == exits.OUTPUT_CLOSED
    assert said.read_text() == ""


@posix
def test_without_any_output_a_verb_does_its_work(tmp_path: Path) -> None:
    command = f"{sys.executable} -m bot history --out out >&- 2>&-"
    (tmp_path / "out").mkdir()
    env = {**os.environ, "PYTHONPATH": STUB}
    assert subprocess.run(command, shell=True, cwd=tmp_path, env=env, timeout=60, check=False).returncode == 0


@posix
def test_sigterm_ends_a_film_at_once(fox: Path, tmp_path: Path) -> None:
    process = start(["try", fox, "x", "--out", "out"], tmp_path, FLIPBOOK_STUB="slow")
    assert process.stdout is not None
    for line in process.stdout:
        if b"Part 1" in line:
            break
    process.send_signal(signal.SIGTERM)
    assert ended(process) == exits.INTERRUPTED
    assert is_free(tmp_path / "out" / ".flipbook")


STUCK = """
import asyncio, os, sys, time
from contextlib import suppress
from bot.signals import on_stop

async def main():
    with on_stop(lambda: None, end_s=1.0):
        # Full, so that the write gives nothing away before it stands still.
        os.set_blocking({writer}, False)
        with suppress(BlockingIOError):
            while os.write({writer}, bytes(4096)):
                pass
        os.set_blocking({writer}, True)
        print("ready", flush=True)
        # A reader that neither reads nor goes, as a pager does: the write never returns.
        await asyncio.to_thread(os.write, {writer}, b"x" * 10_000_000)

asyncio.run(main())
"""


@posix
@pytest.mark.parametrize("where", ["thread", "loop"])
def test_sigterm_ends_what_is_stuck_in_a_write(where: str) -> None:
    reader, writer = os.pipe()
    code = STUCK.format(writer=writer)
    if where == "loop":
        code = code.replace("await asyncio.to_thread(os.write,", "os.write(").replace("(\n", "(")
    process = subprocess.Popen((sys.executable, "-c", code), stdout=subprocess.PIPE, pass_fds=[writer])
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        # Once more each second: one that comes between two instructions, right before the write, is heard after it.
        for _ in range(30):
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(1.5)
                break
        assert process.poll() == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.communicate()
        os.close(reader)
        os.close(writer)
