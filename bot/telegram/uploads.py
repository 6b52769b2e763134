"""Pictures, fetched at once: nothing that a message says of its file is believed.

The library reads a file whole, however long it is; this has a cap in bytes and one in time. Its word for a file that
Telegram no longer finds is InvalidToken: the token is fine.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
from telegram import Message
from telegram.error import BadRequest, InvalidToken, TelegramError
from telegram.ext import ExtBot

from bot.telegram.budget import Priority
from bot.telegram.errors import says
from bot.telegram.repeat import PAUSE_S, TRIES, repeated
from bot.turns import Turns
from bot.wording.table import Table
from storage.errors import RequestRejected

CLOUD_BYTES_MAX = 20_000_000
"""What Telegram's own server gives to bots."""
SECONDS_MAX = 30.0
"""For one file, from the question where it is to its last byte."""
CHUNK_BYTES = 65_536
UPLOADS_AT_ONCE = 4
"""Requests whose pictures are in memory at a time, from the first byte until they are kept on the disk: with Telegram's
own server, 80 MB. Two are read while two are fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A picture as its message describes it."""

    file_id: str
    size: int
    photo: bool
    """Sent as a photo: Telegram shows it again by its file_id as one."""


def upload_in(message: Message) -> Upload | None:
    """The picture in a message: a photo in its largest size, a sticker, a GIF, or any file.

    Of a file, its type and its name say nothing that can be relied on: its bytes do, when they are read.
    """
    if message.photo:
        largest = max(message.photo, key=lambda size: size.width * size.height)
        return Upload(file_id=largest.file_id, size=largest.file_size or 0, photo=True)
    if message.sticker is not None and message.sticker.is_animated:
        return None
    # What is sent as a GIF arrives as a silent film, and as a document beside it.
    file = message.sticker or message.animation or message.document
    return None if file is None else Upload(file_id=file.file_id, size=file.file_size or 0, photo=False)


def other_media(message: Message, words: Table) -> str | None:
    """Why what is in the message cannot be animated, though it was meant; None where nothing is."""
    if message.sticker is not None and message.sticker.is_animated:
        return words.telegram.sticker_animated
    kinds = (message.video, message.video_note, message.voice, message.audio)
    return words.telegram.no_picture if any(kind is not None for kind in kinds) else None


class _NotNow(Exception):
    """The server has the file and does not give it."""


class Uploads:
    """Fetches files from Telegram's server, or from a local one, through the same proxy as everything else."""

    def __init__(
        self,
        bot: ExtBot[Priority],
        client: httpx.AsyncClient,
        *,
        bytes_max: int,
        seconds_max: float = SECONDS_MAX,
    ) -> None:
        self._bot = bot
        self._client = client
        self._bytes_max = bytes_max
        self._seconds_max = seconds_max
        self._turns = Turns(UPLOADS_AT_ONCE)

    def turn(self, user_id: str) -> AbstractAsyncContextManager[None]:
        """A block around all that holds a request's picture in memory."""
        return self._turns.turn(user_id)

    def check_claims(self, upload: Upload, words: Table) -> None:
        """Refuse what is too large by its own account, before anything is fetched. Raises RequestRejected."""
        if upload.size > self._bytes_max:
            raise self._too_large(words)

    async def fetch(self, upload: Upload, words: Table) -> bytes:
        """The file's bytes, at most `bytes_max`; call it in a `turn`. Raises RequestRejected with one sentence."""
        own = words.telegram
        try:
            async with asyncio.timeout(self._seconds_max):
                where = await self._where(upload, words)
                for number in range(TRIES - 1):
                    with suppress(httpx.HTTPError, _NotNow):
                        return await self._read(where, words)
                    await asyncio.sleep(PAUSE_S * 2**number)
                return await self._read(where, words)
        except TimeoutError as exc:
            raise RequestRejected(own.upload_slow.format(seconds=round(self._seconds_max)), field="picture") from exc
        except (httpx.HTTPError, _NotNow, OSError):
            # Without its cause: the address in it holds the token.
            raise RequestRejected(own.upload_failed, field="picture") from None

    async def _where(self, upload: Upload, words: Table) -> str:
        """The file's address, or its path where a local server shares this machine's disk."""
        own = words.telegram
        try:
            found = await repeated(partial(self._bot.get_file, upload.file_id))
        except (InvalidToken, BadRequest) as exc:
            if says(exc, "file is too big"):
                raise self._too_large(words) from exc
            raise RequestRejected(own.upload_expired, field="picture") from exc
        except TelegramError as exc:
            # The line, or a flood wait: the file is still there.
            raise RequestRejected(own.upload_failed, field="picture") from exc
        if not found.file_path:
            raise RequestRejected(own.upload_expired, field="picture")
        return found.file_path

    async def _read(self, where: str, words: Table) -> bytes:
        if not where.startswith(("http://", "https://")):
            return await asyncio.to_thread(self._read_local, Path(where), words)
        own = words.telegram
        async with self._client.stream("GET", where) as response:
            if response.status_code in (401, 403, 404, 410):
                raise RequestRejected(own.upload_expired, field="picture")
            if response.status_code != 200:
                raise _NotNow
            found = bytearray()
            async for chunk in response.aiter_bytes(CHUNK_BYTES):
                found += chunk
                if len(found) > self._bytes_max:
                    # Leaving the block closes the connection: the rest is never read.
                    raise self._too_large(words)
        if not found:
            raise _NotNow
        return bytes(found)

    def _read_local(self, path: Path, words: Table) -> bytes:
        with path.open("rb") as file:
            found = file.read(self._bytes_max + 1)
        if len(found) > self._bytes_max:
            raise self._too_large(words)
        return found

    def _too_large(self, words: Table) -> RequestRejected:
        most = self._bytes_max / 1_000_000
        sentence = words.telegram.upload_too_large.format(most=f"{most:.0f}" if most >= 1 else f"{most:.2g}")
        return RequestRejected(sentence, field="picture")
