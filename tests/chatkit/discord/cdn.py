"""The CDN: attachments under signed links that expire, and everything a download can do wrong.

kit.cdn.misbehave(attachment, Endless())
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from chatkit.discord.model import Attachment
    from chatkit.discord.world import World

CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class NoFile:
    """No file, only a status: 403, 404, 500 …"""

    status: int


@dataclass(frozen=True, slots=True)
class WrongLength:
    """Content-Length says another size than what comes; a smaller body than said ends in a cut connection."""

    said: int


@dataclass(frozen=True, slots=True)
class Endless:
    """A body that never ends."""


@dataclass(slots=True)
class Stalls:
    """The first bytes come, then nothing until the test lets go."""

    first: int = 16
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Trickle:
    """The whole body, a few bytes at a time with a pause between them."""

    chunk: int = 64
    pause_s: float = 0.05


@dataclass(frozen=True, slots=True)
class Other:
    """Something else than what was uploaded: HTML under a picture's name, another type."""

    content: bytes
    content_type: str = "image/png"


@dataclass(frozen=True, slots=True)
class Redirect:
    """302 to wherever."""

    location: str


Mischief = NoFile | WrongLength | Endless | Stalls | Trickle | Other | Redirect


class Cdn:
    def __init__(self, world: World) -> None:
        self._world = world
        self.downloads: list[int] = []
        """Ids of the attachments that were asked for."""
        self.sent_bytes = 0
        """What left for the bot so far; of an endless body, as far as it was read."""

    def misbehave(self, file: Attachment, mischief: Mischief) -> None:
        file.mischief = mischief

    def expire(self, file: Attachment) -> None:
        """Make the link an old one."""
        stale = f"{int(time.time()) - 1:x}"
        path = file.url.split("?")[0]
        file.url = f"{path}?ex={stale}&is=0&hm={self._world.signature(file.id, stale)}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        file = self._world.attachments.get(int(request.match_info["id"]))
        if file is None or file.filename != request.match_info["filename"]:
            return web.Response(status=404, text="")
        self.downloads.append(file.id)
        expires = request.query.get("ex", "0")
        if request.query.get("hm") != self._world.signature(file.id, expires) or int(expires, 16) < time.time():
            return web.Response(status=404, text="This content is no longer available.")
        return await self._serve(request, file)

    async def avatar(self, request: web.Request) -> web.Response:
        return web.Response(status=404)

    async def _serve(self, request: web.Request, file: Attachment) -> web.StreamResponse:
        match file.mischief:
            case NoFile(status):
                return web.Response(status=status)
            case Redirect(location):
                return web.Response(status=302, headers={"Location": location})
            case Other(content, content_type):
                return web.Response(body=content, content_type=content_type)
            case WrongLength(said):
                return await self._stream(request, file, [file.content[:said]], said=said)
            case Endless():
                return await self._endless(request, file)
            case Stalls() as stall:
                return await self._stall(request, file, stall)
            case Trickle(chunk, pause_s):
                pieces = [file.content[at : at + chunk] for at in range(0, len(file.content), chunk)]
                return await self._stream(request, file, pieces, pause_s=pause_s)
        return await self._stream(request, file, [file.content])

    async def _stream(
        self,
        request: web.Request,
        file: Attachment,
        pieces: list[bytes],
        *,
        said: int | None = None,
        pause_s: float = 0,
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": file.content_type})
        response.content_length = len(file.content) if said is None else said
        await response.prepare(request)
        for piece in pieces:
            await self._send(response, piece)
            if pause_s:
                await asyncio.sleep(pause_s)
        if said is not None and said > len(file.content) and request.transport is not None:
            request.transport.abort()
        return response

    async def _endless(self, request: web.Request, file: Attachment) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": file.content_type})
        response.enable_chunked_encoding()
        await response.prepare(request)
        try:
            await self._send(response, file.content)
            while True:
                await self._send(response, bytes(CHUNK))
        except ConnectionError:  # the reader had enough
            return response

    async def _stall(self, request: web.Request, file: Attachment, stall: Stalls) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": file.content_type})
        response.content_length = len(file.content)
        await response.prepare(request)
        try:
            await self._send(response, file.content[: stall.first])
            stall.reached.set()
            await stall.released.wait()
            await self._send(response, file.content[stall.first :])
        except ConnectionError:
            return response
        return response

    async def _send(self, response: web.StreamResponse, piece: bytes) -> None:
        await response.write(piece)
        self.sent_bytes += len(piece)
