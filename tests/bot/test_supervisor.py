from __future__ import annotations

import asyncio
import errno
import itertools
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from botkit import child

from bot.supervisor import LOG_BYTES_MAX, LOGS_KEPT, Patience, Supervisor, engine_environment
from storage.errors import EngineLost
from storage.settings import SECRET_VARIABLES

QUICK = Patience(look_s=0.05, restart_min_s=0.01, restart_max_s=0.05, stop_s=10, terminate_s=10)


class Case:
    """A supervisor over real child processes, and what it reported."""

    def __init__(
        self, folder: Path, *behaviours: str, patience: Patience = QUICK, env: Mapping[str, str] = os.environ
    ) -> None:
        """The last behaviour is repeated."""
        turns = itertools.chain(behaviours, itertools.repeat(behaviours[-1]))
        self.deaths: list[str] = []
        self.started: list[str] = []
        self.down: list[str] = []
        """What members' messages were based on: why no engine can be started, at every try."""
        self.lost: set[str] = set()
        """Workers that the store took an attempt from."""
        self.unheard = 0
        """Deaths that the store is too busy to hear of."""
        self.log = folder / "logs" / "engine.log"

        def command(worker: str) -> Sequence[str]:
            self.started.append(worker)
            return (sys.executable, str(Path(child.__file__)), next(turns), worker)

        async def on_death(worker: str) -> None:
            if self.unheard > 0:
                self.unheard -= 1
                raise TimeoutError("database is locked")
            self.deaths.append(worker)

        async def is_lost(worker: str) -> bool:
            return worker in self.lost

        async def on_down(reason: str) -> None:
            self.down.append(reason)

        numbers = itertools.count(1)
        self.supervisor = Supervisor(
            command,
            names=lambda: f"worker-{next(numbers)}",
            on_death=on_death,
            on_down=on_down,
            is_lost=is_lost,
            log_path=self.log,
            environment=env,
            patience=patience,
        )

    async def logged(self, text: str) -> str:
        """Wait until the child's output in the log contains the text."""
        return await until(lambda: self._log_with(text))

    def _log_with(self, text: str) -> str | None:
        content = self.log.read_text("utf-8") if self.log.exists() else ""
        return content if text in content else None


async def until(look: Callable[[], str | None]) -> str:
    async with asyncio.timeout(20):
        while (found := look()) is None:  # noqa: ASYNC110 - another process writes the file
            await asyncio.sleep(0.01)
    return found


async def test_a_clean_stop_closes_standard_input_and_reports_no_death(tmp_path: Path) -> None:
    case = Case(tmp_path, "serve")
    running = asyncio.create_task(case.supervisor.run())
    await case.logged("ready worker-1")
    case.supervisor.stop()
    await asyncio.wait_for(running, 20)
    assert "stopped cleanly worker-1" in case.log.read_text()
    assert case.deaths == []


async def test_a_crash_is_reported_before_the_engine_starts_again_under_a_new_name(tmp_path: Path) -> None:
    case = Case(tmp_path, "crash", "crash", "serve")
    running = asyncio.create_task(case.supervisor.run())
    await case.logged("ready worker-3")
    assert case.deaths == ["worker-1", "worker-2"]
    case.supervisor.stop()
    await asyncio.wait_for(running, 20)
    assert case.started == ["worker-1", "worker-2", "worker-3"]


async def test_an_engine_that_ends_for_the_owners_pause_has_not_died(tmp_path: Path) -> None:
    # A single wait between two starts would last for ever.
    patience = Patience(restart_min_s=1e6, restart_max_s=1e6, deaths_max=1, stop_s=10)
    case = Case(tmp_path, "paused", "paused", "serve", patience=patience)
    running = asyncio.create_task(case.supervisor.run())
    await case.logged("ready worker-3")
    case.supervisor.stop()
    await asyncio.wait_for(running, 20)
    assert case.deaths == []


WEIGHTS = "The weights in /models are half downloaded; run the download again."


async def test_an_engine_that_needs_its_owner_is_looked_at_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its owner may have mended it: nobody has to start the bot for that."""
    case = Case(tmp_path, *["owner"] * 5, "serve", patience=replace(QUICK, owner_s=0.01))
    running = asyncio.create_task(case.supervisor.run())
    await case.logged("ready worker-6")
    case.supervisor.stop()
    await asyncio.wait_for(running, 20)
    assert case.down == [WEIGHTS] * 5
    told = [getattr(record, "reason", None) for record in caplog.records if "owner mends" in record.message]
    # The first, the second, the fourth time: nobody's log is flooded.
    assert told == [WEIGHTS] * 3


async def test_somebody_who_waits_for_one_film_is_told_at_once_what_its_owner_must_do(tmp_path: Path) -> None:
    case = Case(tmp_path, "owner", patience=replace(QUICK, deaths_max=3))
    with pytest.raises(EngineLost, match=f"^{re.escape(WEIGHTS)}$"):
        await asyncio.wait_for(case.supervisor.run(), 20)
    assert case.started == case.deaths == ["worker-1"]


async def test_members_are_told_of_an_engine_that_keeps_dying_and_not_of_one_that_died_once(tmp_path: Path) -> None:
    case = Case(tmp_path, "crash", "crash", "crash", "serve")
    running = asyncio.create_task(case.supervisor.run())
    await case.logged("ready worker-4")
    case.supervisor.stop()
    await asyncio.wait_for(running, 20)
    assert len(case.down) == 2
    assert all("fell off the bus" in reason for reason in case.down)


async def test_an_engine_that_keeps_dying_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    patience = Patience(restart_min_s=0.01, restart_max_s=0.02, deaths_max=3)
    case = Case(tmp_path, "crash", patience=patience)
    with pytest.raises(EngineLost, match=r"3 times in a row, last with exit code 3") as caught:
        await asyncio.wait_for(case.supervisor.run(), 20)
    assert len(case.started) == 3
    assert any("fell off the bus" in note for note in caught.value.__notes__)


async def test_the_wait_between_starts_doubles_up_to_its_bound(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    patience = Patience(restart_min_s=0.01, restart_max_s=0.03, deaths_max=5)
    case = Case(tmp_path, "crash", patience=patience)
    with pytest.raises(EngineLost):
        await asyncio.wait_for(case.supervisor.run(), 20)
    waits = [getattr(record, "wait_s", None) for record in caplog.records if record.levelname == "WARNING"]
    assert waits == [0.01, 0.02, 0.03, 0.03]


async def test_a_healthy_life_earns_a_fresh_back_off(tmp_path: Path) -> None:
    patience = Patience(restart_min_s=0.01, restart_max_s=0.02, healthy_s=0.0, deaths_max=2)
    case = Case(tmp_path, "crash", "crash", "crash", "serve", patience=patience)
    running = asyncio.create_task(case.supervisor.run())
    await case.logged("ready worker-4")
    case.supervisor.stop()
    await asyncio.wait_for(running, 20)


async def test_an_engine_that_ignores_the_stop_is_ended_and_its_job_reported(tmp_path: Path) -> None:
    case = Case(tmp_path, "deaf", patience=Patience(stop_s=0.1, terminate_s=10))
    running = asyncio.create_task(case.supervisor.run())
    await case.logged("ready worker-1")
    case.supervisor.stop()
    await asyncio.wait_for(running, 20)
    assert case.deaths == ["worker-1"]


async def test_a_second_impatient_stop_kills_without_waiting(tmp_path: Path) -> None:
    case = Case(tmp_path, "deaf", patience=Patience(stop_s=600))
    running = asyncio.create_task(case.supervisor.run())
    await case.logged("ready worker-1")
    case.supervisor.stop()
    case.supervisor.stop(at_once=True)
    await asyncio.wait_for(running, 20)


async def test_a_cancelled_supervisor_leaves_no_process_behind(tmp_path: Path) -> None:
    case = Case(tmp_path, "deaf")
    running = asyncio.create_task(case.supervisor.run())
    await case.logged("ready worker-1")
    [process] = [p for p in psutil.Process().children() if "worker-1" in p.cmdline()]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 20)
    assert not process.is_running()


async def test_the_engine_never_sees_a_token(tmp_path: Path) -> None:
    secrets = dict.fromkeys(SECRET_VARIABLES, "token-of-a-platform")
    case = Case(tmp_path, "environment", env=os.environ | secrets | {"FLIPBOOK_OTHER": "kept"})
    running = asyncio.create_task(case.supervisor.run())
    seen = json.loads(await case.logged("}"))
    case.supervisor.stop()
    await asyncio.wait_for(running, 20)
    assert "token-of-a-platform" not in seen.values()
    assert seen["FLIPBOOK_OTHER"] == "kept"


def test_a_token_under_a_lower_case_name_is_a_token_too() -> None:
    assert "flipbook_discord_token" not in engine_environment({"flipbook_discord_token": "x"})


async def test_a_chattering_engine_cannot_fill_the_disk(tmp_path: Path) -> None:
    case = Case(tmp_path, "chatter")
    running = asyncio.create_task(case.supervisor.run())
    await case.logged("ready worker-1")
    case.supervisor.stop()
    await asyncio.wait_for(running, 20)
    logs = list(case.log.parent.iterdir())
    assert len(logs) > 1
    assert sum(log.stat().st_size for log in logs) <= (LOGS_KEPT + 1) * (LOG_BYTES_MAX + 10_000)


async def test_a_program_that_cannot_be_started_now_is_started_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the system has no memory or no descriptor left for a moment."""
    case = Case(tmp_path, "serve")
    start, failures = asyncio.create_subprocess_exec, [OSError(errno.EAGAIN, "no"), RuntimeError("no thread")] * 2

    async def sometimes(*command: str, **options: object) -> asyncio.subprocess.Process:
        if failures:
            raise failures.pop()
        return await start(*command, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", sometimes)
    running = asyncio.create_task(case.supervisor.run())
    await case.logged("ready worker-5")
    case.supervisor.stop()
    await asyncio.wait_for(running, 20)
    assert failures == []


async def test_a_program_that_is_not_there_is_said_in_a_sentence_to_who_waits(tmp_path: Path) -> None:
    case = Case(tmp_path, "serve", patience=replace(QUICK, deaths_max=3))
    case.supervisor._command = lambda _worker: (str(tmp_path / "absent"),)
    with pytest.raises(EngineLost, match="cannot be started"):
        await case.supervisor.run()


async def test_an_engine_that_lost_its_lease_and_lives_is_killed_and_replaced(tmp_path: Path) -> None:
    case = Case(tmp_path, "deaf", "serve")
    running = asyncio.create_task(case.supervisor.run())
    await case.logged("ready worker-1")
    case.lost.add("worker-1")
    await case.logged("ready worker-2")
    assert case.deaths == ["worker-1"]
    case.supervisor.stop()
    await asyncio.wait_for(running, 20)


async def test_a_death_that_cannot_be_recorded_does_not_end_supervision(tmp_path: Path) -> None:
    case = Case(tmp_path, "crash", "crash", "serve")
    case.unheard = 1
    running = asyncio.create_task(case.supervisor.run())
    await case.logged("ready worker-3")
    assert case.deaths == ["worker-2"]
    case.supervisor.stop()
    await asyncio.wait_for(running, 20)


async def test_a_log_file_that_cannot_be_written_is_told_in_lines_of_our_log_and_without_tracebacks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case(tmp_path, "crash", "serve")
    case.log.mkdir(parents=True)
    running = asyncio.create_task(case.supervisor.run())
    async with asyncio.timeout(20):
        while len(case.started) < 2 or "line of the engine's log is lost" not in caplog.text:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    case.supervisor.stop()
    await asyncio.wait_for(running, 20)
    assert "Logging error" not in capsys.readouterr().err
    lost = [record for record in caplog.records if "is lost" in record.message]
    assert all(isinstance(getattr(record, "reason", None), IsADirectoryError | PermissionError) for record in lost)
