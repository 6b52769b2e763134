"""Attachments, fetched at once: their addresses expire, and nothing that comes with them is believed.

The library's own reader takes whatever comes, however long it is; this one has a cap in bytes and one in time.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import AbstractAsyncContextManager

import aiohttp
import discord
import yarl

from bot.turns import Turns
from bot.wording.discord_words import DiscordWords
from bot.wording.table import Table
from storage.errors import RequestRejected

CHUNK_BYTES = 65_536
AT_ONCE = 8
"""Requests whose pictures are in memory at a time."""
AT_ONCE_EACH = 2
"""Of one member: who sends many, or slow ones, keeps nobody else waiting."""
STALL_S = 5.0
"""Without a byte: others wait for the turn."""


_HOSTS = re.compile(r"cdn\.discordapp\.com|media\.discordapp\.net|images-ext-[0-9]{1,2}\.discordapp\.net")


def is_discords(address: str) -> bool:
    """Whether Discord itself serves this address: nothing else is ever asked for a picture.

    A link's own address is its writer's choice and might lead into this machine's network.
    """
    try:
        url = yarl.URL(address)
        own = yarl.URL(discord.Asset.BASE)
        if url.user is not None or url.password is not None:
            return False
        if url.origin() == own.origin():
            return True
    except ValueError:
        return False
    return url.scheme == "https" and url.port == 443 and _HOSTS.fullmatch(url.host or "") is not None


class Uploads:
    """Fetches pictures from Discord's CDN through the same proxy as everything else."""

    def __init__(
        self, session: aiohttp.ClientSession, *, bytes_max: int, seconds_max: float, proxy: str | None
    ) -> None:
        """seconds_max: for one attachment, from the request to its last byte."""
        self._session = session
        self._bytes_max = bytes_max
        self._proxy = proxy
        self._seconds_max = seconds_max
        self._turns = Turns(AT_ONCE, each=AT_ONCE_EACH)

    def turn(self, user_id: str) -> AbstractAsyncContextManager[None]:
        """A block around all that holds a request's pictures in memory."""
        return self._turns.turn(user_id)

    async def fetch(self, url: str, words: Table, *, field: str) -> bytes:
        """The file's bytes, at most `bytes_max`; call it in a `turn`. Raises RequestRejected with one sentence."""
        own = words.discord
        if not is_discords(url):
            raise RequestRejected(own.upload_failed, field=field)
        try:
            async with asyncio.timeout(self._seconds_max):
                return await self._read(url, own, field)
        except TimeoutError as exc:
            raise RequestRejected(own.upload_slow.format(seconds=round(self._seconds_max)), field=field) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise RequestRejected(own.upload_failed, field=field) from exc

    async def _read(self, url: str, own: DiscordWords, field: str) -> bytes:
        patience = aiohttp.ClientTimeout(total=None, sock_connect=STALL_S, sock_read=STALL_S)
        async with self._session.get(url, proxy=self._proxy, allow_redirects=False, timeout=patience) as response:
            if response.status in (403, 404, 410):
                raise RequestRejected(own.upload_expired, field=field)
            if response.status != 200:
                raise RequestRejected(own.upload_failed, field=field)
            found = bytearray()
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                found += chunk
                if len(found) > self._bytes_max:
                    # Leaving the block closes the connection: the rest is never read.
                    raise self.too_large(own, field)
        if not found:
            raise RequestRejected(own.upload_empty, field=field)
        return bytes(found)

    def check_size(self, declared_bytes: int | None, words: Table, *, field: str) -> None:
        """Refuse what says itself that it is too large or empty, before it is fetched: what it is, its bytes say."""
        own = words.discord
        if declared_bytes is not None and declared_bytes > self._bytes_max:
            raise self.too_large(own, field)
        if declared_bytes == 0:
            raise RequestRejected(own.upload_empty, field=field)

    def too_large(self, own: DiscordWords, field: str) -> RequestRejected:
        most = self._bytes_max / 1_000_000
        return RequestRejected(
            own.upload_too_large.format(most=f"{most:.0f}" if most >= 1 else f"{most:.2g}"), field=field
        )
