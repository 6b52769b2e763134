"""A database that is held by another program while chats are told: nothing is said twice, and the relay lives on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from botkit.house import bench
from botkit.recording import RecordingChat

from bot.relay import Relay
from storage import outage
from storage import sqlite as sqlite_source
from storage.clock import SystemClock
from storage.database import FILE_NAME
from storage.errors import DatabaseBusy
from storage.sqlite import choose_sqlite

TIMEOUT_MS = 100


async def test_a_message_that_stands_is_written_down_however_long_the_database_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite_source, "BUSY_TIMEOUT_MS", TIMEOUT_MS)
    monkeypatch.setattr(outage, "WAIT_S_MIN", 0.01)
    # Posted twice, it would stand twice.
    chat = RecordingChat(knows_nonces=False, gate=asyncio.Event())
    async with bench(tmp_path / "data", SystemClock()) as room, asyncio.timeout(60):
        relay = Relay(room.store, room.media, {"test": chat})
        relaying = asyncio.create_task(relay.run())
        status = await room.submit()
        while not chat.under_way:  # noqa: ASYNC110 - the chat has no event for it
            await asyncio.sleep(0.01)
        holder = choose_sqlite().module.connect(str(room.folder / FILE_NAME), isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        assert chat.gate is not None
        chat.gate.set()
        for _ in range(3):
            with pytest.raises(DatabaseBusy):
                await room.store.pause()
        assert not relaying.done()
        assert chat.calls == [f"post {status.request_id}"]
        holder.close()
        while await room.store.outbox_due():
            await room.store.changed(timeout_s=0.1)
        relay.stop()
        await relaying
    assert chat.calls == [f"post {status.request_id}"]
    assert "Traceback" not in caplog.text
