"""A file's bytes on their way to the bot, well or badly."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from aiohttp import web

from chatkit.telegram.faults import Download
from chatkit.telegram.refusals import Refusal

if TYPE_CHECKING:
    from chatkit.telegram.model import StoredFile

CHUNK = 1 << 16
SLOW_INTERVAL_S = 0.2


async def answer(
    request: web.Request, file: StoredFile | None, fault: Download | None, *, closing: asyncio.Event
) -> web.StreamResponse:
    """closing: set when the stand-in ends, which ends slow and endless downloads too."""
    if file is None or fault is Download.MISSING:
        return web.json_response(Refusal(404, "Not Found").body(), status=404)
    if fault is Download.HTML:
        return web.Response(text="<html><body>Something went wrong.</body></html>", content_type="text/html")
    data = file.data if file.data is not None else bytes(file.size)
    if fault is None:
        return web.Response(body=data, content_type="application/octet-stream")
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
    if fault is not Download.ENDLESS:
        response.content_length = len(data) + (0 if fault is Download.SLOW else 1)
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):  # the bot has had enough
        await _misbehave(request, response, data, fault, closing)
    return response


async def _misbehave(
    request: web.Request, response: web.StreamResponse, data: bytes, fault: Download, closing: asyncio.Event
) -> None:
    match fault:
        case Download.ENDLESS:
            while not closing.is_set():
                await response.write(data.ljust(CHUNK, b"\0"))
        case Download.SLOW:
            for byte in data[:-1]:
                await response.write(bytes([byte]))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(closing.wait(), SLOW_INTERVAL_S)
                if closing.is_set():
                    return
        case _:
            await response.write(data if fault is Download.SHORT else data[: len(data) // 2])
            if request.transport is not None and fault is Download.ABORT:
                request.transport.abort()
            elif request.transport is not None:
                request.transport.close()
