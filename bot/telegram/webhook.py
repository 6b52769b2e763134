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
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import h11
from telegram import Update
from telegram.ext import ExtBot

from bot.telegram.budget import Priority
from bot.telegram.inbox import Inbox
from bot.telegram.polling import ALLOWED
from storage.errors import OwnerError
from storage.settings import TelegramSettings

SECRET_HEADER = b"x-telegram-bot-api-secret-token"
BODY_BYTES_MAX = 1_000_000
READ_S = 15.0
CHUNK_BYTES = 65_536

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

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _serve(reader, writer, bot, inbox, door)

    try:
        server = await asyncio.start_server(serve, settings.webhook_host, settings.webhook_port)
    except OSError as exc:
        where = f"{settings.webhook_host}:{settings.webhook_port}"
        raise OwnerError(
            f"The bot cannot listen on {where} ({exc.strerror or exc}): free the port, or choose another with "
            "telegram.webhook_host and telegram.webhook_port."
        ) from exc
    async with server:
        await bot.set_webhook(url, secret_token=door.secret, allowed_updates=ALLOWED)
        log.info("Telegram sends updates", extra={"host": settings.webhook_host, "port": settings.webhook_port})
        await server.serve_forever()


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bot: ExtBot[Priority], inbox: Inbox, door: Doorbell
) -> None:
    """One request. Whatever a stranger sends, the answer is a number and the connection ends."""
    connection = h11.Connection(h11.SERVER)
    try:
        try:
            async with asyncio.timeout(READ_S):
                status, body = await _read(reader, connection, door)
        except (TimeoutError, h11.RemoteProtocolError):
            status, body = HTTPStatus.BAD_REQUEST, b""
        if status is HTTPStatus.OK:
            status = await _take(body, bot, inbox)
        writer.write(_answer(connection, status))
        await writer.drain()
    except (ConnectionError, h11.LocalProtocolError):
        log.debug("a connection to the webhook broke")
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader, connection: h11.Connection, door: Doorbell) -> tuple[HTTPStatus, bytes]:
    """The request's body, and 200 where it may be used."""
    body = bytearray()
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
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
        update = Update.de_json(json.loads(body), bot)
    except (ValueError, TypeError, KeyError, AttributeError):
        return HTTPStatus.BAD_REQUEST
    task = inbox.take(update)
    if task is not None:
        # Shielded: that this connection breaks is no reason to leave an update half dealt with.
        await asyncio.shield(task)
    return HTTPStatus.OK


def _answer(connection: h11.Connection, status: HTTPStatus) -> bytes:
    headers = [("Content-Length", "0"), ("Connection", "close")]
    response = h11.Response(status_code=status, reason=status.phrase.encode(), headers=headers)
    return b"".join(filter(None, (connection.send(event) for event in (response, h11.EndOfMessage()))))
