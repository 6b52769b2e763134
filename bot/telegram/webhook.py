"""Being told of updates: a small HTTP server for the owner's own proxy, which speaks https to Telegram.

One request a connection, one path, one method. The answer is given when the update is dealt with: what is not answered
with 200, Telegram sends again. The library's own server answers first and works later.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import h11
from telegram.ext import ExtBot

from bot.telegram.budget import Priority
from bot.telegram.inbox import Inbox
from bot.telegram.parsing import NoUpdate, receive
from bot.telegram.polling import ALLOWED
from storage.errors import OwnerError
from storage.settings import TelegramSettings

SECRET_HEADER = b"x-telegram-bot-api-secret-token"
BODY_BYTES_MAX = 1_000_000
READ_S = 15.0
CHUNK_BYTES = 65_536
CONNECTIONS_MAX = 256
"""Telegram opens 40 unless asked for more."""
LINGER_S, LINGER_CHUNKS_MAX = 2.0, 64
"""After the answer, for what is still on its way from the other side."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Doorbell:
    """What a request must bring to be let in."""

    path: str
    secret: str

    @classmethod
    def of(cls, url: str, token: str) -> Doorbell:
        """The secret follows from the token: nothing to set, nothing to store, and no way back to the token."""
        secret = hmac.new(token.encode(), b"flipbook webhook", hashlib.sha256).hexdigest()
        return cls(path=urlsplit(url).path or "/", secret=secret)

    def refusal(self, request: h11.Request) -> HTTPStatus | None:
        if request.method != b"POST":
            return HTTPStatus.METHOD_NOT_ALLOWED
        if request.target.partition(b"?")[0] != self.path.encode():
            return HTTPStatus.NOT_FOUND
        given = next((value for name, value in request.headers if name == SECRET_HEADER), b"")
        return None if hmac.compare_digest(given, self.secret.encode()) else HTTPStatus.FORBIDDEN


async def listen(bot: ExtBot[Priority], inbox: Inbox, settings: TelegramSettings) -> None:
    """Until cancelled. Raises OwnerError where the port is taken, the library's errors where Telegram refuses."""
    url = settings.webhook_url
    assert url is not None
    door = Doorbell.of(url, bot.token)
    room = asyncio.Semaphore(CONNECTIONS_MAX)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if room.locked():
                await _answer(reader, writer, HTTPStatus.SERVICE_UNAVAILABLE)
                return
            async with room:
                status = await _hear(reader, writer, bot, inbox, door)
                await _answer(reader, writer, status)
        except ConnectionError:
            log.debug("a connection to the webhook broke")
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(serve, settings.webhook_host, settings.webhook_port)
    except OSError as exc:
        where = f"{settings.webhook_host}:{settings.webhook_port}"
        raise OwnerError(
            f"The bot cannot listen on {where} ({exc.strerror or exc}): free the port, or choose another with "
            "telegram.webhook_host and telegram.webhook_port."
        ) from exc
    try:
        await bot.set_webhook(url, secret_token=door.secret, allowed_updates=ALLOWED)
        log.info("Telegram sends updates", extra={"host": settings.webhook_host, "port": settings.webhook_port})
        await asyncio.get_running_loop().create_future()
    finally:
        # Connections that are open are not waited for: the inbox finishes what they have brought.
        server.close()


async def _hear(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bot: ExtBot[Priority], inbox: Inbox, door: Doorbell
) -> HTTPStatus:
    """One request: what to answer to it, when what it brings is dealt with."""
    try:
        async with asyncio.timeout(READ_S):
            status, body = await _read(reader, writer, door)
    except TimeoutError:
        return HTTPStatus.REQUEST_TIMEOUT
    except h11.RemoteProtocolError as exc:
        return HTTPStatus(exc.error_status_hint)
    return status if status is not HTTPStatus.OK else await _take(body, bot, inbox)


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, door: Doorbell) -> tuple[HTTPStatus, bytes]:
    """The request's body, and 200 where it may be used. Raises RemoteProtocolError for what is no HTTP."""
    connection = h11.Connection(h11.SERVER)
    body = bytearray()
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
                if connection.they_are_waiting_for_100_continue:
                    writer.write(connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
                connection.receive_data(await reader.read(CHUNK_BYTES))
            case h11.Request() as request:
                if (refusal := door.refusal(request)) is not None:
                    return refusal, b""
            case h11.Data() as part:
                body += part.data
                if len(body) > BODY_BYTES_MAX:
                    return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b""
            case h11.EndOfMessage():
                return HTTPStatus.OK, bytes(body)
            case _:
                return HTTPStatus.BAD_REQUEST, b""


async def _take(body: bytes, bot: ExtBot[Priority], inbox: Inbox) -> HTTPStatus:
    try:
        task = receive(inbox, json.loads(body), bot)
    except (ValueError, RecursionError, NoUpdate):
        return HTTPStatus.BAD_REQUEST
    if task is not None:
        # Shielded: that this connection breaks is no reason to leave an update half dealt with.
        await asyncio.shield(task)
    return HTTPStatus.OK


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: HTTPStatus) -> None:
    """A number and nothing more. Written by hand: after a broken request h11 may refuse to write anything."""
    writer.write(f"HTTP/1.1 {status} {status.phrase}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    # Closed with bytes unread, the connection is reset, and the answer may be lost on the other side.
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            for _ in range(LINGER_CHUNKS_MAX):
                if not await reader.read(CHUNK_BYTES):
                    return
