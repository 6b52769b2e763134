"""The Telegram stand-in's misfortunes, as the real python-telegram-bot meets them."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from chatkit.telegram import Download, Standing, TelegramKit, faults, samples
from chatkit.telegram.sample import application, polling
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, InputMediaPhoto
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TimedOut,
)
from telegram.ext import ApplicationBuilder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from chatkit.telegram import Chat
    from telegram import Bot


@pytest.fixture
async def kit() -> AsyncIterator[TelegramKit]:
    async with TelegramKit.open() as kit:
        yield kit
        assert kit.problems() == []


@pytest.fixture
def cave(kit: TelegramKit) -> Chat:
    return kit.group("Cave", kit.person("Mia"))


@pytest.fixture
async def bot(kit: TelegramKit) -> AsyncIterator[Bot]:
    async with application(kit).bot as bot:
        yield bot


async def test_a_502_before_the_work_did_nothing_and_one_after_it_did(kit: TelegramKit, cave: Chat, bot: Bot):
    kit.faults.add(faults.bad_gateway("sendMessage"), faults.bad_gateway("sendMessage", after_work=True))
    for there in (0, 1):
        with pytest.raises(NetworkError, match="Bad Gateway"):
            await bot.send_message(cave.id, "x")
        assert len(cave.from_bot) == there
    assert [exchange.fault for exchange in kit.calls if exchange.fault] == ["status 502"] * 2


async def test_silence_after_the_work_is_a_timeout_with_a_message(kit: TelegramKit, cave: Chat, bot: Bot):
    kit.faults.add(faults.silence("sendMessage", skip=1))
    await bot.send_message(cave.id, "one")
    with pytest.raises(TimedOut):
        await bot.send_message(cave.id, "two", read_timeout=0.2)
    assert [message.text for message in cave.from_bot] == ["one", "two"]


async def test_a_broken_connection(kit: TelegramKit, cave: Chat, bot: Bot):
    kit.faults.add(faults.abort("sendMessage"), faults.abort("sendMessage", after_work=True))
    for there in (0, 1):
        with pytest.raises(NetworkError):
            await bot.send_message(cave.id, "x")
        assert len(cave.from_bot) == there


async def test_a_flood_wait_that_is_not_kept_is_a_problem(
    kit: TelegramKit, cave: Chat, bot: Bot, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # RetryAfter.retry_after as the library's next major version has it
    kit.faults.add(faults.flood_wait("sendMessage", 600, chat_id=cave.id))
    with pytest.raises(RetryAfter, match="0:10:00"):
        await bot.send_message(cave.id, "x")
    other = kit.group("Other")
    await bot.send_message(other.id, "another chat may be written to")
    kit.flood.pause(cave.id, 600, now=kit.calls[0].call.at - 10)  # told ten seconds ago
    with pytest.raises(RetryAfter):
        await bot.send_message(cave.id, "x")
    (problem,) = kit.take_problems()
    assert "Too Many Requests" in problem


async def test_any_refusal_can_be_scripted(kit: TelegramKit, cave: Chat, bot: Bot):
    kit.faults.add(faults.refuse("deleteMessage", 403, "Forbidden: user is deactivated", times=2))
    for _ in range(2):
        with pytest.raises(Forbidden, match="deactivated"):
            await bot.delete_message(cave.id, 1)
    with pytest.raises(BadRequest, match="not found"):
        await bot.delete_message(cave.id, 1)


async def test_who_blocks_kicks_or_restricts_the_bot_is_heard_and_felt(kit: TelegramKit):
    mia = kit.person("Mia")
    cave = kit.supergroup("Cave", mia)
    picture = samples.picture()
    async with polling(kit) as listener:
        with pytest.raises(Forbidden, match="initiate"):
            await listener.bot.send_message(mia.id, "hello")
        mia.starts()
        mia.blocks()
        with pytest.raises(Forbidden, match="blocked by the user"):
            await listener.bot.send_message(mia.id, "hello")
        mia.unblocks()
        kit.set_standing(cave, kit.bot, Standing.RESTRICTED, without={"can_send_photos"})
        with pytest.raises(BadRequest, match=r"(?i)not enough rights to send photos"):
            await listener.bot.send_photo(cave.id, picture)
        line = await listener.bot.send_message(cave.id, "words are fine")
        with pytest.raises(BadRequest, match=r"(?i)not enough rights"):
            await line.edit_media(InputMediaPhoto(picture))
        mia.kicks_bot(cave)
        with pytest.raises(Forbidden, match="kicked from the supergroup"):
            await listener.bot.send_message(cave.id, "hello")
        changes = [(await listener.next()).my_chat_member for _ in range(5)][1:]
    assert [change.new_chat_member.status for change in changes if change] == [
        "kicked",
        "member",
        "restricted",
        "kicked",
    ]


async def test_a_group_that_grew_has_another_id(kit: TelegramKit, cave: Chat):
    async with polling(kit) as listener:
        await listener.bot.send_message(cave.id, "before")
        heir = kit.upgrade(cave)
        goodbye, hello = [(await listener.next()).message for _ in range(2)]
        assert goodbye is not None
        assert hello is not None
        assert (goodbye.chat.id, goodbye.migrate_to_chat_id) == (cave.id, heir.id)
        assert (hello.chat.id, hello.migrate_from_chat_id) == (heir.id, cave.id)
        with pytest.raises(ChatMigrated) as moved:
            await listener.bot.send_message(cave.id, "after")
        await listener.bot.send_message(moved.value.new_chat_id, "after")
    assert [message.text for message in heir.from_bot] == ["after"]


async def test_unconfirmed_updates_come_again_and_confirmed_ones_when_told_to(kit: TelegramKit, bot: Bot):
    mia = kit.person("Leo")
    mia.starts()
    mia.says(mia.private, "/queue")
    first, second = await bot.get_updates()
    assert [update.update_id for update in await bot.get_updates()] == [first.update_id, second.update_id]
    assert [update.update_id for update in await bot.get_updates(offset=first.update_id + 1)] == [second.update_id]
    assert await bot.get_updates(offset=second.update_id + 1) == ()
    assert kit.feed.redeliver(1) == 1
    assert [update.update_id for update in await bot.get_updates(offset=-1)] == [second.update_id]


async def test_of_two_pollers_the_older_one_is_ended(kit: TelegramKit, bot: Bot):
    older = asyncio.create_task(bot.get_updates(timeout=30))
    await kit.listening()
    async with application(kit).bot as second:
        newer = asyncio.create_task(second.get_updates(timeout=30))
        with pytest.raises(Conflict, match="terminated by other getUpdates"):
            await older
        kit.person("Mia").starts()
        assert len(await newer) == 1
    assert kit.feed.conflicts == 1
    kit.faults.add(faults.conflict())
    with pytest.raises(Conflict):
        await bot.get_updates()


async def test_old_messages_cannot_be_deleted_and_old_presses_not_answered(kit: TelegramKit, cave: Chat, bot: Bot):
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Again", callback_data="again")]])
    with kit.ago(49 * 3600):
        sent = await bot.send_message(cave.id, "x", reply_markup=keyboard)
    with pytest.raises(BadRequest, match="can't be deleted"):
        await sent.delete()
    click = kit.person("Leo").sends_data(cave.from_bot[0], "again")
    click.expired = True
    with pytest.raises(BadRequest, match="Query is too old"):
        await bot.answer_callback_query(click.id)
    with kit.ago(1200):
        kit.person("Mia").starts()
    old = (await bot.get_updates())[-1].effective_message
    assert old is not None
    assert sent.date < old.date < datetime.now(UTC) - timedelta(minutes=10)


async def test_files_expire_and_some_are_too_big(kit: TelegramKit, bot: Bot):
    mia = kit.person("Mia")
    asked = mia.sends_photo(mia.private)
    big = mia.sends_document(mia.private, name="big.png", mime="image/png", size=25_000_000)
    assert asked.media is not None
    assert big.media is not None
    with pytest.raises(BadRequest, match=r"(?i)file is too big"):
        await bot.get_file(big.media.file.file_id)
    file = await bot.get_file(asked.media.file.file_id)
    asked.media.file.expired = True
    with pytest.raises(InvalidToken):  # what the library makes of any 404
        await file.download_as_bytearray()
    with pytest.raises(BadRequest, match="temporarily unavailable"):
        await bot.get_file(asked.media.file.file_id)


async def test_downloads_go_wrong_in_every_way(kit: TelegramKit, bot: Bot):
    mia = kit.person("Mia")
    asked = mia.sends_photo(mia.private)
    assert asked.media is not None
    file = await bot.get_file(asked.media.file.file_id)
    kit.faults.downloads += [Download.MISSING, Download.SHORT, Download.ABORT, Download.SLOW, Download.HTML]
    with pytest.raises(InvalidToken):
        await file.download_as_bytearray()
    for _ in range(2):
        with pytest.raises(NetworkError, match=r"RemoteProtocolError|ReadError"):
            await file.download_as_bytearray()
    with pytest.raises(TimedOut):
        await file.download_as_bytearray(read_timeout=0.05)
    assert bytes(await file.download_as_bytearray()).startswith(b"<html>")
    assert bytes(await file.download_as_bytearray()) == asked.media.file.data


async def test_an_endless_download_has_more_than_the_file(kit: TelegramKit, bot: Bot):
    mia = kit.person("Mia")
    asked = mia.sends_photo(mia.private)
    assert asked.media is not None
    file = await bot.get_file(asked.media.file.file_id)
    kit.faults.downloads.append(Download.ENDLESS)
    async with aiohttp.ClientSession() as session, session.get(str(file.file_path)) as answer:
        assert len(await answer.content.readexactly(1_000_000)) > asked.media.file.size


async def test_a_webhook_is_pushed_to_until_it_takes_the_update(kit: TelegramKit, bot: Bot):
    heard: asyncio.Queue[tuple[str | None, dict[str, Any]]] = asyncio.Queue()

    async def hook(request: web.Request) -> web.Response:
        heard.put_nowait((request.headers.get("X-Telegram-Bot-Api-Secret-Token"), await request.json()))
        return web.Response(status=500 if heard.qsize() == 1 else 200)

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        kit.feed.webhook_retry_s = 0.0
        await bot.set_webhook(f"http://127.0.0.1:{runner.addresses[0][1]}/hook", secret_token="hush", max_connections=1)
        with pytest.raises(Conflict, match="webhook is active"):
            await bot.get_updates()
        kit.person("Mia").starts()
        await kit.until(lambda: heard.qsize() == 2 and not kit.feed.pending)
        (secret, first), (_, again) = heard.get_nowait(), heard.get_nowait()
        assert secret == "hush"
        assert first == again
        assert (await bot.get_webhook_info()).pending_update_count == 0
        await bot.delete_webhook()
    finally:
        await runner.cleanup()


async def test_a_local_server_hands_out_paths_and_takes_them(tmp_path: Path):
    async with TelegramKit.open(local_folder=tmp_path / "server") as kit:
        builder = ApplicationBuilder().token(kit.token).base_url(kit.base_url).base_file_url(kit.base_file_url)
        film = tmp_path / "film.mp4"
        film.write_bytes(samples.clip())
        mia = kit.person("Mia")
        asked = mia.sends_document(mia.private, name="big.png", mime="image/png", size=25_000_000)
        assert asked.media is not None
        async with builder.local_mode(True).build().bot as bot:
            copy = io.BytesIO()
            await (await bot.get_file(asked.media.file.file_id)).download_to_memory(copy)
            assert len(copy.getvalue()) == 25_000_000
            await bot.send_animation(mia.id, film)
        assert [message.kind for message in mia.private.from_bot] == ["animation"]
        assert kit.problems() == []
