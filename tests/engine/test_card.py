"""One engine for a card and data folder, also where the other one is only about to end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine import card
from engine.card import own_card
from storage.errors import OwnerError
from storage.lock import hold
from storage.settings import DataSettings, EngineSettings, Settings

CARD = torch.device("cuda")


@pytest.fixture
def one_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number and name, which only a card could tell; locks, folder and waiting are real."""
    monkeypatch.setattr(card, "lock_name", lambda device: "engine-1234" if device.type == "cuda" else None)
    monkeypatch.setattr(card, "_called", lambda _device: "NVIDIA RTX 3060")
    monkeypatch.setattr(card, "LOOK_S", 0.01)


async def test_a_second_engine_for_the_card_is_refused_in_one_sentence(tmp_path: Path, one_card: None) -> None:
    stop = asyncio.Event()
    async with own_card(tmp_path, CARD, stop):
        with pytest.raises(OwnerError, match="already draws on NVIDIA RTX 3060"):
            async with own_card(tmp_path, CARD, stop, wait_s=0.05):
                pass
    async with own_card(tmp_path, CARD, stop, wait_s=0):
        pass


async def test_an_engine_that_is_about_to_end_is_waited_for(tmp_path: Path, one_card: None) -> None:
    stop, ended = asyncio.Event(), asyncio.Event()
    with hold(tmp_path, "engine-1234"):
        task = asyncio.create_task(_draw(tmp_path, stop, ended))
        await asyncio.sleep(0)
        assert not ended.is_set()
    async with asyncio.timeout(20):
        await task
    assert ended.is_set()


async def test_a_stop_ends_the_wait(tmp_path: Path, one_card: None) -> None:
    stop, entered = asyncio.Event(), asyncio.Event()
    with hold(tmp_path, "engine-1234"):
        task = asyncio.create_task(_draw(tmp_path, stop, entered))
        stop.set()
        async with asyncio.timeout(20):
            await task


async def test_processors_may_be_shared(tmp_path: Path) -> None:
    stop = asyncio.Event()
    async with own_card(tmp_path, torch.device("cpu"), stop), own_card(tmp_path, torch.device("cpu"), stop, wait_s=0):
        assert list(tmp_path.glob("*.lock")) == []


async def _draw(folder: Path, stop: asyncio.Event, entered: asyncio.Event) -> None:
    async with own_card(folder, CARD, stop, wait_s=20):
        entered.set()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="NOT TESTED: needs an NVIDIA card")
def test_the_engine_process_says_so_and_exits_for_its_owner(tmp_path: Path) -> None:
    name = card.lock_name(CARD)
    assert name is not None
    settings = tmp_path / "engine-settings.json"
    told = Settings(data=DataSettings(folder=tmp_path), engine=EngineSettings(device="cuda"))
    settings.write_text(told.model_dump_json(), "utf-8")
    program = (
        "import sys, engine.card\nengine.card.WAIT_S = 1\nfrom engine.__main__ import main\n"
        f"sys.exit(main(['run', '--settings', {str(settings)!r}]))"
    )
    with hold(tmp_path, name):
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        # Its input stays open: where that closes, an engine stops in peace.
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait(timeout=120) == 78, said
        process.communicate()
    assert "already draws on" in said.splitlines()[-1]
