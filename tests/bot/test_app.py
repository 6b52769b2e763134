from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from botkit.house import BEN, HERE, MIA, Bench, bench
from botkit.recording import RecordingChat
from pydantic import SecretStr

import bot
from bot import app, platforms
from bot.app import House, at_work, open_house
from bot.chat import Chat, ChatUnavailable, Limits
from bot.desk import Desk
from bot.supervisor import Patience
from storage.clock import SystemClock
from storage.errors import DatabaseRefused, OwnerError, SettingsError
from storage.jobs import JobState
from storage.settings import DataSettings, DiscordSettings, Settings, TelegramSettings

STUB = Path(__file__).parent.parent / "botkit" / "stub"

ADAPTER = """
from botkit import recording

class Adapter(recording.RecordingChat):
    async def run(self):
        await RUNS[0](self)

RUNS = []

def build(desk, settings, token):
    assert "secret" in token.get_secret_value()
    return Adapter(platform=__name__.rpartition(".")[2])
"""


@pytest.fixture
def adapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[object]]:
    """Two platform packages beside the bot's own modules; what their `run` does is set by the test."""
    import importlib
    import sys

    for name in ("discord", "telegram"):
        folder = tmp_path / "adapters" / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(ADAPTER)
        # Both ways to a module are put back afterwards: by its name, and from its package.
        importlib.import_module(f"bot.{name}")
        monkeypatch.delitem(sys.modules, f"bot.{name}")
        monkeypatch.delattr(bot, name)
    monkeypatch.setattr(bot, "__path__", [str(tmp_path / "adapters"), *bot.__path__])
    monkeypatch.setenv("FLIPBOOK_DISCORD_TOKEN", "MTA.x.secret")
    monkeypatch.setenv("FLIPBOOK_TELEGRAM_TOKEN", "7:secret-secret-secret-secret")
    monkeypatch.setattr(platforms, "RESTART_S_MIN", 0.01)
    importlib.invalidate_caches()
    return {name: importlib.import_module(f"bot.{name}").RUNS for name in ("discord", "telegram")}


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path / "data") as opened:
        yield opened


def settings_on(folder: Path) -> Settings:
    return Settings(data=DataSettings(folder=folder, free_bytes_min=0))


async def test_a_platform_that_fails_comes_back_while_the_other_serves_on(
    adapters: dict[str, list[object]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lives: list[str] = []
    up = asyncio.Event()

    async def fails_twice(adapter: RecordingChat) -> None:
        lives.append(adapter.platform)
        if len(lives) < 3:
            raise ConnectionError("handshake refused")
        up.set()
        await asyncio.Event().wait()

    async def serves(_adapter: RecordingChat) -> None:
        await asyncio.Event().wait()

    adapters["discord"].append(fails_twice)
    adapters["telegram"].append(serves)
    chats: dict[str, Chat] = {}
    async with open_house(settings_on(tmp_path / "data"), SystemClock()) as house:
        async with platforms.platforms(house.desk, house.settings, chats):
            async with asyncio.timeout(20):
                await up.wait()
            assert set(chats) == {"discord", "telegram"}
        assert chats == {}
    lost = [record for record in caplog.records if "cannot be reached" in record.message]
    assert [(record.__dict__["reason"], record.__dict__["tries"]) for record in lost] == [
        ("ConnectionError", 1),
        ("ConnectionError", 2),
    ]
    assert all(record.exc_info is None for record in lost)
    assert "secret" not in caplog.text


async def test_a_platform_its_owner_must_mend_is_said_once_in_a_while_and_served_when_that_is_done(
    adapters: dict[str, list[object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(platforms, "RESTART_S_MAX", 0.01)
    lives, mended = [0], asyncio.Event()

    async def port_taken(_adapter: RecordingChat) -> None:
        lives[0] += 1
        if lives[0] < 7:
            raise OwnerError("The bot cannot listen on 127.0.0.1:8443.")
        mended.set()
        await asyncio.Event().wait()

    async def serves(_adapter: RecordingChat) -> None:
        await asyncio.Event().wait()

    adapters["discord"].append(port_taken)
    adapters["telegram"].append(serves)
    chats: dict[str, Chat] = {}
    async with (
        open_house(settings_on(tmp_path / "data"), SystemClock()) as house,
        platforms.platforms(house.desk, house.settings, chats),
        asyncio.timeout(20),
    ):
        await mended.wait()
        assert set(chats) == {"discord", "telegram"}
    said = [record.__dict__["tries"] for record in caplog.records if "not served until" in record.message]
    assert said == [1, 2, 4]


def test_a_platform_without_token_or_switched_off_is_not_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIPBOOK_DISCORD_TOKEN", "a.b.one")
    monkeypatch.delenv("FLIPBOOK_TELEGRAM_TOKEN", raising=False)
    assert platforms.configured(Settings()) == {"discord": SecretStr("a.b.one")}
    off = Settings(discord=DiscordSettings(enabled=False), telegram=TelegramSettings(enabled=False))
    assert platforms.configured(off) == {}


async def test_no_network_is_a_line_now_and_then(
    adapters: dict[str, list[object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(platforms, "RESTART_S_MAX", 0.01)
    lives, enough = [0], asyncio.Event()

    async def no_line(_adapter: RecordingChat) -> None:
        lives[0] += 1
        if lives[0] > 40:
            enough.set()
        raise ChatUnavailable("no line")

    async def serves(_adapter: RecordingChat) -> None:
        await asyncio.Event().wait()

    adapters["discord"].append(no_line)
    adapters["telegram"].append(serves)
    async with (
        open_house(settings_on(tmp_path / "data"), SystemClock()) as house,
        platforms.platforms(house.desk, house.settings, {}),
        asyncio.timeout(20),
    ):
        await enough.wait()
    told = [record.__dict__["tries"] for record in caplog.records if "cannot be reached" in record.message]
    assert told == [1, 2, 4, 8, 16, 32]
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("variable", "token"),
    [
        ("FLIPBOOK_DISCORD_TOKEN", "hunter2"),
        ("FLIPBOOK_DISCORD_TOKEN", "Bot MTA.x.hunter2"),
        ("FLIPBOOK_DISCORD_TOKEN", "MTA.x."),
        ("FLIPBOOK_DISCORD_TOKEN", "7:hunter2hunter2hunter2hunter2"),
        ("FLIPBOOK_TELEGRAM_TOKEN", "hunter2"),
        ("FLIPBOOK_TELEGRAM_TOKEN", "7:hunter2"),
        ("FLIPBOOK_TELEGRAM_TOKEN", "MTA.x.hunter2"),
    ],
)
def test_what_can_be_no_token_is_refused_without_a_call_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, variable: str, token: str
) -> None:
    for name in ("FLIPBOOK_DISCORD_TOKEN", "FLIPBOOK_TELEGRAM_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, token)
    with pytest.raises(SettingsError, match=variable) as refused:
        platforms.configured(Settings())
    assert "hunter2" not in str(refused.value)


async def test_a_token_for_a_platform_this_version_lacks_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FLIPBOOK_DISCORD_TOKEN", "MTA.x.secret")
    monkeypatch.setattr(platforms.importlib.util, "find_spec", lambda _name: None)
    async with (
        open_house(settings_on(tmp_path / "data"), SystemClock()) as house,
        platforms.platforms(house.desk, house.settings, {}),
    ):
        pass
    assert "this version cannot serve the platform" in caplog.text
    assert "secret" not in caplog.text


async def test_one_data_folder_has_one_bot(tmp_path: Path) -> None:
    settings = settings_on(tmp_path / "data")
    async with open_house(settings, SystemClock()):
        with pytest.raises(DatabaseRefused, match="Another bot"):
            async with open_house(settings, SystemClock()):
                pass
    async with open_house(settings, SystemClock()) as again:
        assert isinstance(again.desk, Desk)


async def test_a_data_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match="cannot be written to"):
        async with open_house(settings_on(tmp_path / "file" / "data"), SystemClock()):
            pass


def house_of(room: Bench) -> House:
    settings = settings_on(room.folder)
    return House(
        settings=settings,
        clock=SystemClock(),
        database=room.database,
        store=room.store,
        media=room.media,
        desk=Desk(room.store, room.media, room.readers, settings=settings, draw=app.random.Random(0)),
    )


async def test_a_stop_gives_the_running_film_back_and_still_tells_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{STUB}{app.os.pathsep}{STUB.parent.parent}")
    monkeypatch.setenv("FLIPBOOK_STUB", "slow")
    chat = RecordingChat()
    async with bench(tmp_path / "data", SystemClock()) as room, asyncio.timeout(60):
        status = await room.submit()
        async with at_work(house_of(room), {"test": chat}, Patience()):
            while (await room.store.status(status.request_id)).progress is None:
                await room.store.changed(timeout_s=1)
        after = await room.store.status(status.request_id)
        assert (after.state, after.interrupted) == (JobState.QUEUED, True)
        [message] = chat.messages.values()
        assert "Your place is kept" in message.view.text


async def test_a_relay_that_fails_starts_again(
    room: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(app, "RELAY_RESTART_S", 0)
    due = room.store.outbox_due
    failures = [OSError("disk I/O error"), OSError("disk I/O error")]

    async def sometimes(*, limit: int = 50) -> object:
        if failures:
            raise failures.pop()
        return await due(limit=limit)

    monkeypatch.setattr(room.store, "outbox_due", sometimes)
    chat = RecordingChat()
    relay = app.Relay(room.store, room.media, {"test": chat})
    keeping = asyncio.create_task(app._keep_relaying(relay))
    await room.submit(member=BEN, place=HERE)
    async with asyncio.timeout(20):
        while not chat.messages:
            await room.store.changed(timeout_s=1)
        relay.stop()
        await keeping
    assert caplog.text.count("relay failed") == 2


async def test_a_relay_that_never_works_is_given_up(room: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "RELAY_RESTART_S", 0)

    async def never(*, limit: int = 50) -> object:
        raise OSError("disk I/O error")

    monkeypatch.setattr(room.store, "outbox_due", never)
    await room.submit(member=MIA)
    with pytest.raises(BaseExceptionGroup):
        await asyncio.wait_for(app._keep_relaying(app.Relay(room.store, room.media, {})), 20)


async def test_what_waits_for_a_dead_engine_says_so_until_its_owner_has_mended_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine ends as for missing weights, again and again, and then draws: nobody starts the bot anew."""
    monkeypatch.setenv("PYTHONPATH", f"{STUB}{app.os.pathsep}{STUB.parent.parent}")
    monkeypatch.setenv("FLIPBOOK_STUB", "until-mended")
    chat = RecordingChat(limits=Limits(edit_interval_s=0.1, media_interval_s=1, upload_bytes_max=10_000_000))
    async with bench(tmp_path / "data", SystemClock()) as room, asyncio.timeout(60):
        status = await room.submit()
        async with at_work(house_of(room), {"test": chat}, Patience(owner_s=0.2)):
            while not any("engine has been down since" in text for text in chat.texts()):
                await room.store.changed(timeout_s=0.2)
            down = await room.store.engine_state()
            assert down is not None
            assert down.reason == "The weights of model “framepack” are half downloaded."
            # Also what is asked for now, and only while that is so.
            assert (await room.submit()).down_ms == down.since_ms
            (room.folder / "mended").touch()
            while (await room.store.status(status.request_id)).state is not JobState.DONE:
                await room.store.changed(timeout_s=0.2)
            assert await room.store.engine_state() is None
