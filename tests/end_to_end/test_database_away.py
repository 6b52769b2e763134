"""PostgreSQL is stopped under a running bot and started again: everybody waits, and nothing is lost or said twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from botkit.house import HERE, MIA, png
from botkit.recording import RecordingChat
from sqlalchemy import text
from storagekit import postgres
from storagekit.homes import Home

from bot.app import House, at_work, open_house
from bot.chat import Incoming
from bot.supervisor import Patience
from bot.wording.refusals import refusal
from storage.clock import SystemClock
from storage.errors import DatabaseAway, DatabaseTrouble
from storage.invariants import violations
from storage.jobs import JobState, Phase, Status
from storage.settings import DataSettings, EngineSettings, ProgressSettings, QueueSettings, Settings

PATIENCE_S = 240
STEPS = 100
"""Many, so that the server goes in the middle of a section."""


@pytest.fixture
def kind() -> str:
    return "postgresql"


def incoming(idem: str) -> Incoming:
    return Incoming(idem=idem, member=MIA, place=HERE, picture=png(), prompt="zoom in", seconds="2.4")


def being_drawn(status: Status) -> bool:
    return status.progress is not None and status.progress.phase is Phase.SAMPLING and status.progress.step >= 2


async def until(house: House, request_id: int, reached: Callable[[Status], bool]) -> Status:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                if reached(status := await house.store.status(request_id)):
                    return status
                await house.store.changed(timeout_s=1)
            except DatabaseTrouble:
                await asyncio.sleep(0.1)


def kill_engine() -> None:
    """As a driver's fault would."""
    [engine] = [child for child in psutil.Process().children() if "--worker" in child.cmdline()]
    engine.kill()


@pytest.mark.parametrize(("away_s", "engine_dies"), [(8, False), (21, True)])
async def test_engine_and_bot_outlive_a_server_that_is_away(
    home: Home,
    server: postgres.Server,
    tmp_path: Path,
    away_s: float,
    engine_dies: bool,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings = Settings(
        data=DataSettings(folder=tmp_path / "data", database=home.address, free_bytes_min=0, ballast_bytes=0),
        engine=EngineSettings(model="tiny", device="cpu", size=64, steps=STEPS, step_checkpoint_s=0.001),
        progress=ProgressSettings(interval_s=0.05),
        # A dead engine's film returns when its lease has ended, and no lease is judged right after an outage.
        queue=QueueSettings(lease_s=10),
    )
    chat = RecordingChat()
    async with open_house(settings, SystemClock()) as house:
        async with at_work(house, {"test": chat}, Patience()) as work:
            drawn = (await house.desk.submit(incoming("test:1"))).status.request_id
            waiting = (await house.desk.submit(incoming("test:2"))).status.request_id
            await until(house, drawn, being_drawn)
            await asyncio.to_thread(server.stop)
            with pytest.raises(DatabaseAway) as refused:
                await house.desk.submit(incoming("test:3"))
            sentence = refusal(refused.value, locale="en", now_ms=0)
            assert sentence == "The host's database is away for a moment; please try again shortly."
            assert "assente per un momento" in refusal(refused.value, locale="it", now_ms=0)
            if engine_dies:
                kill_engine()
            await asyncio.sleep(away_s)
            assert not work.engine.done()
            assert not work.relay.done()
            lines_away = len(caplog.records)
            await asyncio.to_thread(server.start)
            for request_id in (drawn, waiting):
                assert (await until(house, request_id, lambda it: it.state.terminal)).state is JobState.DONE
            async with asyncio.timeout(PATIENCE_S):
                while len([message for message in chat.messages.values() if message.film]) < 2:
                    await house.store.changed(timeout_s=1)
        assert await violations(house.database, house.media) == []
        query = text("SELECT outcome FROM attempt ORDER BY request_id, epoch")
        outcomes = list(await house.database.read(lambda db: db.execute(query).scalars().all()))
        assert outcomes == [*["lost"] * engine_dies, "done", "done"]
    # One message for each film, the status messages are gone.
    assert sorted(message.view.status.request_id for message in chat.messages.values()) == [drawn, waiting]
    assert caplog.text.count("the database is away") == caplog.text.count("the database is back") == 1
    assert lines_away < 20, caplog.text
    engines_log = (tmp_path / "data" / "engine.log").read_text("utf-8")
    met = "the database cannot be opened yet" if engine_dies else "the database is away"
    assert 1 <= engines_log.count(met) <= 6
    assert engines_log.count("\n") < 40, engines_log
