"""`flipbook pause`, `resume` and `requeue` through the command, on the data folder of a bot that runs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from botkit.house import BEN, Bench, bench
from botkit.recording import RecordingChat

from bot.__main__ import main, parser
from bot.relay import Relay
from storage.clock import SystemClock
from storage.jobs import Failure, JobState, Status, Wish
from storage.lock import hold

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.toml"
    path.write_text("[data]\nfolder = 'data'\nballast_bytes = 0\n")
    return str(path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with two films that wait."""

    async def live() -> None:
        async with bench(tmp_path / "data", SystemClock()) as room:
            await room.submit()
            await room.submit(member=BEN)

    asyncio.run(live())
    return tmp_path / "data"


def line(data: Path) -> list[Status]:
    async def look() -> list[Status]:
        async with bench(data, SystemClock()) as room:
            return await room.store.queue()

    return asyncio.run(look())


def test_pause_and_resume_work_while_a_bot_holds_the_folder(
    data: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with hold(data, "bot"):
        assert main(["pause", "--config", config]) == 0
        said = capsys.readouterr().out.splitlines()
        assert said[0] == f"Installation: {data} (configuration {config})."
        assert said[1].startswith("Paused since 2")
        assert "until `flipbook resume`" in said[1]
        assert said[2].startswith("No film is being drawn now.")
        assert [status.paused for status in line(data)] == [True, True]
        assert main(["resume", "--config", config]) == 0
        assert main(["resume", "--config", config]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1::2] == ["Films are drawn again.", "There was no pause: nothing changes."]
    assert [status.paused for status in line(data)] == [False, False]


def test_pause_returns_when_the_running_film_is_given_back(data: Path, config: str) -> None:
    async def draw(room: Bench) -> tuple[str, int | None]:
        job = await room.start()
        command = (sys.executable, "-m", "bot", "pause", "--config", config)
        owner = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, cwd=ROOT)
        async with asyncio.timeout(60):
            while await room.store.beat(job.claim) is not Wish.YIELD:
                await room.store.changed(timeout_s=1)
            assert owner.returncode is None
            await room.store.release(job.claim)
            said, _ = await owner.communicate()
        return said.decode(), owner.returncode

    async def live() -> tuple[str, int | None]:
        async with bench(data, SystemClock()) as room:
            return await draw(room)

    said, code = asyncio.run(live())
    assert "No film is being drawn now." in said
    assert code == 0


async def test_members_read_of_the_pause_and_of_its_end(tmp_path: Path) -> None:
    async with bench(tmp_path / "data") as room:
        chat = RecordingChat()
        relay = Relay(room.store, room.media, {"test": chat}, monotonic=lambda: room.clock.now_ms() / 1000)
        await room.submit()
        job = await room.start()
        await relay.drain()
        await room.store.pause()
        await room.store.release(job.claim)
        await room.submit(member=BEN)
        await relay.drain()
        playing = "🎮 The host is using the card. Drawing goes on when they hand it back; your place is kept."
        assert [text.startswith(playing) for text in chat.texts()] == [True, True]
        await room.store.resume()
        for _ in chat.texts():  # a chat takes one such edit at a time
            room.clock.ms += 60_000
            await relay.drain()
        assert [text.startswith(playing) for text in chat.texts()] == [False, False]


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("45s", 45_000),
        ("90m", 5_400_000),
        ("2h", 7_200_000),
        ("1h30m", 5_400_000),
        ("2,5h", 9_000_000),
        ("3d", 259_200_000),
    ],
)
def test_a_length_of_time_reads_as_people_write_it(text: str, ms: int) -> None:
    assert parser().parse_args(["pause", "--for", text]).for_ms == ms


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-1h", "0m", "2x", "1h-5m", "999d", "9" * 400 + "h", "1e3h"])
def test_other_lengths_are_refused_in_one_sentence(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parser().parse_args(["pause", f"--for={text}"])
    assert left.value.code == 2
    assert "is no length of time; write 45s, 90m, 2h" in capsys.readouterr().err


def test_without_a_database_there_is_nothing_to_pause(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pause", "--config", config]) == 2
    assert "There is no database" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_doctor_tells_of_the_pause(data: Path, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pause", "--for", "2h", "--config", config]) == 0
    capsys.readouterr()
    main(["doctor", "--config", config, "--json"])
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["pause"]["ok"]
    assert checks["pause"]["detail"].startswith("paused since 2")
    assert "`flipbook resume`" not in checks["pause"]["detail"]


def test_a_failed_request_is_queued_again_for_its_member(
    data: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail() -> None:
        async with bench(data, SystemClock()) as room:
            job = await room.start()
            await room.store.fail(job.claim, Failure(code="poison", sentence="It took the engine down twice."))

    asyncio.run(fail())
    for _ in range(2):  # asked twice, queued once
        assert main(["requeue", "1", "--config", config]) == 0
        assert capsys.readouterr().out.splitlines()[1].startswith("Request 1 waits again, as request 3 at place ")
    again = next(status for status in line(data) if status.request_id == 3)
    assert (again.state, again.member.name) == (JobState.QUEUED, "mia")
    assert main(["requeue", "2", "--config", config]) == 2
    assert "only a failed one can be queued again" in capsys.readouterr().err
    assert main(["requeue", "99", "--config", config]) == 2
    assert "99" in capsys.readouterr().err


def test_doctor_tells_of_an_engine_that_cannot_be_started(
    data: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def tell() -> None:
        async with bench(data, SystemClock()) as room:
            await room.store.engine_down("The weights in /models are half downloaded.")

    asyncio.run(tell())
    assert main(["doctor", "--config", config, "--json"]) == 1
    details = [check["detail"] for check in json.loads(capsys.readouterr().out)["checks"] if not check["ok"]]
    assert any(
        detail.startswith("down since 2") and detail.endswith("The weights in /models are half downloaded.")
        for detail in details
    )
