"""The Bot API's HTTP side: calls in, answers and files out."""

from __future__ import annotations

import asyncio
import inspect
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from chatkit.telegram import downloads, params, spec
from chatkit.telegram.faults import Fault, Faults, How
from chatkit.telegram.methods import METHODS
from chatkit.telegram.model import Call, Exchange
from chatkit.telegram.refusals import Refusal, broken_rule

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from chatkit.telegram.model import Json
    from chatkit.telegram.world import World

BODY_BYTES_MAX = 80_000_000
"""Above what Telegram takes, so that the kit can say what it refuses."""
GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
BY_LOWER_CASE = {name.lower(): name for name in METHODS}


class Server:
    """Answers for one bot. `base` is its address once it runs."""

    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self._token = token
        self._document = spec.load()
        self._closing = asyncio.Event()
        self.faults = Faults()
        self.calls: list[Exchange] = []
        self.base = ""

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[None]:
        """Listens on loopback. port: 0 for any."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_route("*", "/bot{token}/{method}", self._answer)
        app.router.add_get("/file/bot{token}/{path:.+}", self._download)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        try:
            await site.start()
            host, port = runner.addresses[0][:2]
            self.base = f"http://{host}:{port}"
            yield
        finally:
            self._closing.set()
            self._world.feed.close()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self._token:
            return _json(Refusal(401, "Unauthorized").body(), 401)
        name = request.match_info["method"]
        method = BY_LOWER_CASE.get(name.lower())
        if method is None:
            return self._unknown(name)
        try:
            call = await self._read(request, method)
        except params.BadForm as exc:
            self._world.blame(f"{method}: {exc}")
            return _json(broken_rule(str(exc)).body(), 400)
        except web.HTTPRequestEntityTooLarge:
            self._world.blame(f"{method}: a body of more than {BODY_BYTES_MAX} bytes")
            return _json(Refusal(413, "Request Entity Too Large").body(), 413)
        fault = self.faults.take(call)
        if fault is not None:
            self._remember_wait(fault, call)
        if fault is not None and not fault.after_work:
            return await self._fail(fault, call, request)
        status, body = await self._work(call)
        if fault is not None:
            return await self._fail(fault, call, request)
        self.calls.append(Exchange(call, status, body))
        self._world.touch()
        return _json(body, status)

    async def _read(self, request: web.Request, method: str) -> Call:
        texts = self._document.texts(method) if self._document else params.TEXTS
        given, uploads = await params.read(request, texts)
        return Call(method, given, uploads, self._world.clock())

    async def _work(self, call: Call) -> tuple[int, Json]:
        """What is asked for, done: the answer's status and body. Broken rules are written down."""
        faults = self._document.request_faults(call.method, call.params) if self._document else []
        try:
            if faults:
                raise broken_rule("; ".join(faults))
            result = METHODS[call.method](self._world, call)
            if inspect.isawaitable(result):
                result = await result
        except Refusal as refusal:
            if refusal.broken_rule:
                self._world.blame(f"{call.method} in {call.get('chat_id')}: {refusal.description}")
            return refusal.status, refusal.body()
        except Exception as exc:
            # Without the document nothing was checked before: what is missing then shows itself here.
            self._world.blame(f"{call.method} {call.params!r:.300}: the stand-in failed on it: {exc!r}")
            return 500, Refusal(500, "Internal Server Error").body()
        for fault in self._document.answer_faults(call.method, result) if self._document else []:
            self._world.blame(f"the stand-in itself: {fault}")
        return 200, {"ok": True, "result": result}

    async def _fail(self, fault: Fault, call: Call, request: web.Request) -> web.StreamResponse:
        name = f"{fault.how} {fault.status}" if fault.how is How.STATUS else str(fault.how)
        self.calls.append(Exchange(call, fault.status if fault.how is How.STATUS else 0, fault.body(), fault=name))
        self._world.touch()
        match fault.how:
            case How.SILENCE:
                await self._closing.wait()  # or until the bot gives up: then this handler is cancelled
            case How.ABORT:
                _abort(request)
            case How.STATUS if fault.html:
                return web.Response(text=GATEWAY_PAGE, status=fault.status, content_type="text/html")
            case How.STATUS:
                pass
        return _json(fault.body(), fault.status)

    def _remember_wait(self, fault: Fault, call: Call) -> None:
        seconds, chat_id = fault.parameters.get("retry_after"), call.get("chat_id")
        if isinstance(seconds, int) and isinstance(chat_id, int):
            self._world.flood.pause(chat_id, seconds, now=call.at)

    def _unknown(self, name: str) -> web.StreamResponse:
        known = self._document is not None and self._document.knows(name)
        self._world.blame(f"{name}: {'not built into the stand-in' if known else 'no such method'}")
        return _json(Refusal(404, "Not Found").body(), 404)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self._token:
            return _json(Refusal(401, "Unauthorized").body(), 401)
        file = self._world.files.by_path(request.match_info["path"])
        fault = self.faults.downloads.pop(0) if self.faults.downloads else None
        return await downloads.answer(request, file, fault, closing=self._closing)


def _abort(request: web.Request) -> None:
    """End the connection as a broken line does: with a reset."""
    if request.transport is not None:
        request.transport.abort()


def _json(body: Json, status: int) -> web.Response:
    return web.Response(text=json.dumps(body), status=status, content_type="application/json")
