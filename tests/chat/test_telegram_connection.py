"""How the bot hears of updates, and how it begins, ends and comes back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from chatkit.telegram import PATIENCE_S, Download, Standing, TelegramKit, faults, samples
from pydantic import SecretStr
from telegramkit.site import ASK, bot, settings_for, site

from bot.platforms import Adapter
from bot.telegram import build
from bot.telegram.adapter import TelegramAdapter
from storage.errors import OwnerError
from storage.settings import TelegramSettings


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@asynccontextmanager
async def proxy_to(kit: TelegramKit) -> AsyncGenerator[str]:
    """An HTTP proxy for which every name is the stand-in's."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", urlsplit(kit.base_url).port)
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def hooked(kit: TelegramKit, port: int) -> TelegramSettings:
    return TelegramSettings(
        base_url=kit.base_url,
        base_file_url=kit.base_file_url,
        webhook_url=f"http://127.0.0.1:{port}/telegram",
        webhook_port=port,
    )


async def test_updates_by_webhook(tmp_path: Path) -> None:
    async with TelegramKit.open() as kit:
        settings = settings_for(tmp_path / "data", kit, telegram=hooked(kit, free_port()))
        async with site(tmp_path / "data", kit, settings=settings) as here:
            await here.asked()
            await here.drawn()
            await kit.until(lambda: not kit.feed.pending)
            assert not kit.called("getUpdates")


async def test_strangers_at_the_webhook_are_turned_away(tmp_path: Path) -> None:
    async with TelegramKit.open() as kit:
        port = free_port()
        settings = settings_for(tmp_path / "data", kit, telegram=hooked(kit, port))
        async with site(tmp_path / "data", kit, settings=settings) as here, httpx.AsyncClient() as stranger:
            address = f"http://127.0.0.1:{port}"
            update = {"update_id": 7, "message": {}}
            for method, path, expected in (("POST", "/telegram", 403), ("GET", "/telegram", 405), ("POST", "/", 404)):
                answer = await stranger.request(method, address + path, json=update)
                assert answer.status_code == expected
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
            assert b" 400 " in await reader.read()
            writer.close()
            await here.asked()


async def test_everything_goes_through_the_owners_proxy(tmp_path: Path) -> None:
    """The names are nobody's: only the proxy leads anywhere, for calls as for files."""
    async with TelegramKit.open() as kit, proxy_to(kit) as proxy:
        nowhere = "http://telegram.invalid"
        telegram = TelegramSettings(base_url=f"{nowhere}/bot", base_file_url=f"{nowhere}/file/bot", proxy=proxy)
        settings = settings_for(tmp_path / "data", kit, telegram=telegram)
        async with site(tmp_path / "data", kit, settings=settings) as here:
            await here.asked()
            await here.drawn()


async def test_a_taken_port_is_the_owners_to_free(tmp_path: Path) -> None:
    async with TelegramKit.open() as kit:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            settings = settings_for(tmp_path / "data", kit, telegram=hooked(kit, taken.getsockname()[1]))
            async with bot(tmp_path / "data", kit, settings=settings) as (_, _, _, running):
                with pytest.raises(OwnerError, match="webhook_port"):
                    await asyncio.wait_for(asyncio.shield(running), PATIENCE_S)


async def test_polling_takes_an_old_webhook_away(tmp_path: Path) -> None:
    async with TelegramKit.open() as kit:
        port = free_port()
        settings = settings_for(tmp_path / "data", kit, telegram=hooked(kit, port))
        async with site(tmp_path / "data", kit, settings=settings):
            pass
        async with site(tmp_path / "data", kit) as here:
            await here.asked()


async def test_a_refused_token_names_what_to_mend_and_not_itself(tmp_path: Path) -> None:
    async with TelegramKit.open() as kit, site(tmp_path / "data", kit) as here:
        secret = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw-bad"
        adapter = TelegramAdapter(here.desk, settings_for(tmp_path, kit), SecretStr(secret))
        with pytest.raises(OwnerError, match=r"FLIPBOOK_TELEGRAM_TOKEN.*telegram\.token_file") as refused:
            await adapter.run()
        assert secret not in str(refused.value)
        assert refused.value.__cause__ is None


async def test_a_token_that_is_revoked_later_is_named_too(tmp_path: Path) -> None:
    async with TelegramKit.open() as kit, site(tmp_path / "data", kit) as here:
        kit.faults.add(faults.refuse("getUpdates", 401, "Unauthorized"))
        here.mia.starts()
        with pytest.raises(OwnerError):
            await asyncio.wait_for(asyncio.shield(here.running), PATIENCE_S)


async def test_telegram_that_is_away_at_the_start_is_waited_for(tmp_path: Path) -> None:
    async with TelegramKit.open() as kit:
        kit.faults.add(faults.bad_gateway("deleteWebhook", times=2), faults.abort("getUpdates", times=2))
        async with site(tmp_path / "data", kit) as here:
            await here.asked()


async def test_updates_that_are_open_at_the_end_are_finished_and_acknowledged(tmp_path: Path) -> None:
    async with TelegramKit.open() as kit:
        async with site(tmp_path / "data", kit) as here:
            here.mia.sends_photo(here.cave, samples.picture(), ASK)
            await kit.until(lambda: kit.called("getFile"))
        assert not kit.feed.pending
        async with bot(tmp_path / "data", kit) as (work, *_):
            assert len(await work.store.queue()) == 1


async def test_a_slow_download_holds_up_nobody_else(tmp_path: Path) -> None:
    async with TelegramKit.open() as kit, site(tmp_path / "data", kit) as here:
        kit.faults.downloads.append(Download.SLOW)
        here.mia.sends_photo(here.mia.private, samples.picture(), ASK)
        await kit.until(lambda: kit.called("getFile"))
        await here.asked(here.ben, here.ben.private)
        # Not finished, and so not acknowledged: after a kill it would come again.
        assert any("photo" in update.get("message", {}) for update in kit.feed.pending)


async def test_updates_that_are_numbered_anew_are_heard_and_acknowledged(tmp_path: Path) -> None:
    """After a silent week Telegram counts on from any number; an offset that only rises would acknowledge nothing."""
    async with TelegramKit.open() as kit, site(tmp_path / "data", kit) as here:
        await here.asked()
        await kit.settled()
        kit.feed.renumber(1_000)
        await here.asked(here.ben)
        await kit.settled()
        polls = len(kit.called("getUpdates"))
        await here.asked(here.ben)
        await kit.settled()
        assert len(kit.called("getUpdates")) < polls + 20


async def test_reactions_older_than_ten_minutes_are_let_go(tmp_path: Path) -> None:
    async with TelegramKit.open() as kit:
        async with site(tmp_path / "data", kit) as here:
            await here.asked()
            film = await here.drawn()
            cave, ben = here.cave, here.ben
        ben.reacts(film, "⚡")
        kit.feed.pending[-1]["message_reaction"]["date"] -= 601
        async with bot(tmp_path / "data", kit) as (work, *_):
            await kit.until(lambda: not kit.feed.pending)
            assert await work.store.queue() == []
        assert cave.standing(kit.bot) is Standing.ADMIN


async def test_a_local_bot_api_server_hands_files_over_by_their_path(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    async with TelegramKit.open(local_folder=files) as kit:
        telegram = TelegramSettings(base_url=kit.base_url, base_file_url=kit.base_file_url, local_mode=True)
        settings = settings_for(tmp_path / "data", kit, telegram=telegram)
        async with site(tmp_path / "data", kit, settings=settings) as here:
            await here.asked()
            await here.drawn()
            assert here.adapter.limits.upload_bytes_max > 50_000_000


def test_the_package_builds_what_the_composition_root_asks_for(tmp_path: Path) -> None:
    adapter: Adapter = build(None, None, SecretStr("1:x"))  # type: ignore[arg-type]
    assert adapter.platform == "telegram"


STRANGE = (
    {"message": {"message_id": 1, "date": 10**18, "chat": {"id": 5, "type": "private"}, "text": "a secret wish"}},
    {"message": ["a secret wish"]},
    {"callback_query": {"id": "1", "from": "a secret wish"}},
    {"message": {"message_id": 1, "date": 0, "chat": {"id": [], "type": "private"}, "text": "a secret wish"}},
)


@pytest.mark.parametrize("by", ["polling", "webhook"])
async def test_updates_that_cannot_be_read_are_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, by: str
) -> None:
    async with TelegramKit.open() as kit:
        telegram = hooked(kit, free_port()) if by == "webhook" else None
        settings = settings_for(tmp_path / "data", kit, **({} if telegram is None else {"telegram": telegram}))
        async with site(tmp_path / "data", kit, settings=settings) as here:
            for body in STRANGE:
                kit.feed.add_strange(**body)
            kit.feed.add_strange(a_kind_of_tomorrow={"text": "a secret wish"})
            await here.asked()
            await kit.until(lambda: not kit.feed.pending)
            assert not here.running.done()
            assert all("getUpdates answered" in problem for problem in kit.take_problems()), "which was meant"
    assert caplog.text.count("an update cannot be read: it is passed over") == len(STRANGE)
    assert "secret" not in caplog.text
