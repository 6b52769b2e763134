"""What may come in at the webhook: whatever it is, a number goes out, and the next update is heard."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from chatkit.telegram import PATIENCE_S, TelegramKit
from telegramkit.site import Site, settings_for, site

from bot.telegram.webhook import BODY_BYTES_MAX, CONNECTIONS_MAX, Doorbell
from storage.settings import TelegramSettings


@dataclass(slots=True)
class Hook:
    """A bot that is told of updates."""

    here: Site
    port: int
    secret: str

    def head(self, *lines: str, method: str = "POST", version: str = "HTTP/1.1") -> bytes:
        """A request's first lines, with the right secret."""
        all_lines = [
            f"{method} /telegram {version}",
            "Host: films.example.org",
            f"X-Telegram-Bot-Api-Secret-Token: {self.secret}",
            *lines,
        ]
        return "\r\n".join(all_lines).encode("latin-1") + b"\r\n\r\n"

    def post(self, body: bytes, *lines: str) -> bytes:
        return self.head(f"Content-Length: {len(body)}", *lines) + body

    async def answers(self, *parts: bytes, ends: bool = False) -> list[int]:
        """The numbers that come back. ends: the other side is closed for writing after the last part."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(PATIENCE_S):
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                if ends:
                    writer.write_eof()
                heard = await reader.read()
        finally:
            writer.close()
        return [int(line.split()[1]) for line in heard.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


@pytest.fixture
async def hook(tmp_path: Path) -> AsyncIterator[Hook]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with TelegramKit.open() as kit:
        url = f"http://127.0.0.1:{port}/telegram"
        telegram = TelegramSettings(
            base_url=kit.base_url, base_file_url=kit.base_file_url, webhook_url=url, webhook_port=port
        )
        async with site(
            tmp_path / "data", kit, settings=settings_for(tmp_path / "data", kit, telegram=telegram)
        ) as here:
            yield Hook(here, port, Doorbell.of(url, kit.token).secret)


def nested(depth: int) -> bytes:
    return b'{"update_id": 1, "message": ' + b"[" * depth + b"]" * depth + b"}"


def of(**body: object) -> bytes:
    return json.dumps({"update_id": 1, **body}).encode()


PRIVATE = {"id": 5, "type": "private"}
USER = {"id": 5, "is_bot": False, "first_name": "Mia"}

BAD_BODIES = {
    "nothing": b"",
    "no JSON": b"this is no JSON",
    "half of it": b'{"update_id": 1, "mess',
    "no UTF-8": b'{"update_id": 1, "message": "\xff\xfe"}',
    "nested deeply": nested(100_000),
    "a list": b"[1, 2]",
    "null": b"null",
    "a number": b"7",
    "a number of 5000 digits": b"1" * 5000,
    "a BOM": b"\xef\xbb\xbf{}",
    "no update_id": b"{}",
    "update_id is a text": b'{"update_id": "1"}',
    "update_id is a list": b'{"update_id": [1]}',
    "update_id is true": b'{"update_id": true}',
    "update_id is infinite": b'{"update_id": Infinity}',
    "update_id is negative": b'{"update_id": -1}',
    "update_id has 400 digits": b'{"update_id": ' + b"1" * 400 + b"}",
}
STRANGE_BODIES = {
    "a message that is a list": of(message=[1]),
    "a message that is a text": of(message="x"),
    "a date beyond all calendars": of(message={"message_id": 1, "date": 10**20, "chat": PRIVATE}),
    "a date before all calendars": of(message={"message_id": 1, "date": -(10**20), "chat": PRIVATE}),
    "a date that is a text": of(message={"message_id": 1, "date": "now", "chat": PRIVATE}),
    "a chat that is a number": of(message={"message_id": 1, "date": 0, "chat": 5}),
    "a chat whose number is a list": of(message={"message_id": 1, "date": 0, "chat": {"id": [], "type": "private"}}),
    "a chat whose number is a text": of(
        message={"message_id": 1, "date": 0, "chat": {"id": "x", "type": "private"}, "from": USER, "text": "/help"}
    ),
    "a sender whose number is an object": of(
        message={"message_id": 1, "date": 0, "chat": PRIVATE, "from": {**USER, "id": {}}, "text": "/help"}
    ),
    "entities beyond the text": of(
        message={
            "message_id": 1,
            "date": 0,
            "chat": PRIVATE,
            "from": USER,
            "text": "/x",
            "entities": [{"type": "bot_command", "offset": 0, "length": 10**9}],
        }
    ),
    "photos that are numbers": of(message={"message_id": 1, "date": 0, "chat": PRIVATE, "from": USER, "photo": [1, 2]}),
    "a button without anything": of(callback_query={}),
    "an unknown kind": of(a_kind_of_tomorrow={"x": 1}),
}


async def test_a_body_that_is_no_update_is_answered_with_400(hook: Hook) -> None:
    found = {name: await hook.answers(hook.post(body)) for name, body in BAD_BODIES.items()}
    assert found == {key: [400] for key in BAD_BODIES}


async def test_a_strange_update_is_acknowledged(hook: Hook) -> None:
    """Refused, it would come again and again, and hold up all others."""
    found = {
        name: await hook.answers(hook.post(body.replace(b": 1,", b": %d," % number, 1)))
        for number, (name, body) in enumerate(STRANGE_BODIES.items())
    }
    assert found == {key: [200] for key in STRANGE_BODIES}
    assert not hook.here.running.done()


async def test_hostile_requests_each_get_a_number(hook: Hook) -> None:
    large = b"x" * (BODY_BYTES_MAX + 1)
    update = of(a_kind_of_tomorrow={})
    chunked = hook.head("Transfer-Encoding: chunked")
    requests: dict[str, tuple[tuple[bytes, ...], bool, list[int]]] = {
        "a header of 200 kB": ((hook.head("X-Long: " + "a" * 200_000),), False, [431]),
        "a thousand headers": ((hook.head(*(f"X-{k}: {'b' * 100}" for k in range(1000))),), False, [431]),
        "headers that never end": ((hook.head()[:-4] + b"\r\nX-Long: " + b"a" * 4_000_000,), False, [431]),
        "a body that is too large": ((hook.post(large),), False, [413]),
        "a body of 8 MB": ((hook.post(large * 8),), False, [413]),
        "a body that is too large, in chunks": (
            (chunked, *(b"10000\r\n" + b"x" * 65_536 + b"\r\n" for _ in range(40))),
            False,
            [413],
        ),
        "chunks of garbage": ((chunked + b"zz\r\nnot a length\r\n",), False, [400]),
        "a chunk of a huge length": ((chunked + b"f" * 300 + b"\r\nxx",), True, [400]),
        "an update in chunks": ((chunked + b"%x\r\n%s\r\n0\r\n\r\n" % (len(update), update),), False, [200]),
        "a length below zero": ((hook.head("Content-Length: -5") + b"xx",), False, [400]),
        "two lengths": ((hook.head("Content-Length: 2", "Content-Length: 3") + b"{}",), False, [400]),
        "a length that is no number": ((hook.head("Content-Length: many"),), False, [400]),
        "length and chunks": ((hook.head("Content-Length: 2", "Transfer-Encoding: chunked") + b"zz",), True, [400]),
        "an unknown encoding": ((hook.head("Transfer-Encoding: gzip") + b"xx",), True, [501]),
        "a body cut short": ((hook.post(update)[:-3],), True, [400]),
        "a head cut short": ((hook.head()[:-30],), True, [400]),
        "no body and no length": ((hook.head(),), False, [400]),
        "it waits to be asked for its body": (
            (hook.head(f"Content-Length: {len(update)}", "Expect: 100-continue"),),
            True,
            [100, 400],
        ),
        "two in one": ((hook.post(update) + hook.post(update),), False, [200]),
        "a thousand in one": ((hook.post(update) * 1000,), False, [200]),
        "an old version": ((hook.head(f"Content-Length: {len(update)}", version="HTTP/1.0") + update,), False, [200]),
        "a new version": ((b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",), False, [405]),
        "a version of nobody": ((hook.head(version="HTTP/9.9"),), True, [400]),
        "CONNECT": ((hook.head(method="CONNECT"),), False, [405]),
        "HEAD": ((hook.head(method="HEAD"),), False, [405]),
        "a method of nobody": ((hook.head(method="BREW"),), False, [405]),
        "a line that is no request": ((b"\x00" * 100 + b"\r\n\r\n",), False, [400]),
        "zeros without an end": ((b"\x00" * 1_000_000,), False, [400]),
        "an upgrade": ((hook.post(update, "Connection: Upgrade", "Upgrade: websocket"),), False, [200]),
        "letters of another alphabet": ((hook.post(update, "X-Name: \xe9\xe8\xff"),), False, [200]),
    }
    found: dict[str, list[int]] = {}
    for name, (parts, ends, _) in requests.items():
        try:
            found[name] = await hook.answers(*parts, ends=ends)
        except (OSError, TimeoutError):
            found[name] = []
    assert found == {name: expected for name, (_, _, expected) in requests.items()}
    await hook.here.asked()


async def test_who_waits_to_be_asked_for_the_body_is_asked(hook: Hook) -> None:
    update = of(a_kind_of_tomorrow={})
    reader, writer = await asyncio.open_connection("127.0.0.1", hook.port)
    writer.write(hook.head(f"Content-Length: {len(update)}", "Expect: 100-continue"))
    async with asyncio.timeout(PATIENCE_S):
        assert (await reader.readline()).split()[1] == b"100"
        writer.write(update)
        assert b" 200 " in await reader.read()
    writer.close()


async def test_more_connections_than_there_is_room_for_are_sent_away(hook: Hook) -> None:
    held = [await asyncio.open_connection("127.0.0.1", hook.port) for _ in range(CONNECTIONS_MAX)]
    assert await hook.answers(hook.post(of(a_kind_of_tomorrow={}))) == [503]
    for _, writer in held:
        writer.close()
    await hook.here.asked()


async def test_an_open_connection_does_not_hold_up_the_end(hook: Hook) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", hook.port)
    writer.write(hook.head("Content-Length: 1000"))
    await writer.drain()
    began_s = time.monotonic()
    hook.here.running.cancel()
    await asyncio.wait((hook.here.running,))
    assert time.monotonic() - began_s < 5
    writer.close()
