"""One WebSocket of the gateway: what waits to be sent, and the compressed stream that it is sent in."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from chatkit.discord.model import Json

    Squeeze = Callable[[bytes], bytes]


class Line:
    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self._request = request
        self._waiting: asyncio.Queue[Json] = asyncio.Queue()
        self._squeeze = _stream(request.query.get("compress"))

    def send(self, packet: Json) -> None:
        self._waiting.put_nowait(packet)

    async def pump(self) -> None:
        """Send what waits, in order, until cancelled."""
        while True:
            text = json.dumps(await self._waiting.get())
            if self._squeeze is None:
                await self.socket.send_str(text)
            else:
                await self.socket.send_bytes(self._squeeze(text.encode()))

    def cut(self) -> None:
        """As if the network had gone: no close frame, no goodbye."""
        if self._request.transport is not None:
            self._request.transport.abort()


def _stream(kind: str | None) -> Squeeze | None:
    """One stream for as long as the connection lives, flushed after every packet; None: plain text."""
    if kind == "zlib-stream":
        deflate = zlib.compressobj()
        return lambda data: deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH)
    if kind == "zstd-stream":
        # discord.py asks for this where one of the two is there.
        try:
            import zstandard

            older = zstandard.ZstdCompressor().compressobj()
            return lambda data: older.compress(data) + older.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        except ImportError:
            from compression import zstd

            newer = zstd.ZstdCompressor()
            return lambda data: newer.compress(data, zstd.ZstdCompressor.FLUSH_BLOCK)
    return None
