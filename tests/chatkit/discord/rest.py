"""The REST side: reads a request, judges it, lets a fault happen or a route do the work, judges the answer."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from aiohttp import web

from chatkit.discord import calls
from chatkit.discord.calls import Call, Unreadable
from chatkit.discord.errors import Refusal, bad_form, refusal
from chatkit.discord.faults import Abort, Action, Broken, Faults, Hold, RateLimit, Refuse
from chatkit.discord.rates import Rates, Verdict
from chatkit.discord.routes import ROUTES

if TYPE_CHECKING:
    from chatkit.discord.world import World

PREFIX = "/api/v10"
# discord.py waits and tries again only where a proxy says that it was in between.
VIA = {"Via": "1.1 google"}
EDGE_PAGE = "<html><body><h1>{status}</h1></body></html>"


class Rest:
    def __init__(self, world: World) -> None:
        self._world = world
        self.faults = Faults()
        self.rates = Rates()
        self.calls: list[Call] = []
        """Every request so far, in the order in which they came."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix(PREFIX)
        call = Call(
            world=self._world,
            method=request.method,
            path=path,
            template=self._template(path),
            query=dict(request.query),
            body=None,
            files={},
            authorization=request.headers.get("Authorization"),
        )
        call.params = calls.parameters(call.template, path)
        self.calls.append(call)
        try:
            response = await self._read_and_answer(call, request)
            call.status = response.status
            return response
        finally:
            self._world.touch()

    async def _read_and_answer(self, call: Call, request: web.Request) -> web.StreamResponse:
        try:
            call.body, call.files = await calls.read(request)
        except Unreadable as error:
            self._world.problems.add(f"{call.method} {call.path}: {error}")
            return _json(400, {"code": 50109, "message": "The request body contains invalid JSON."}, Verdict())
        return await self._answer(call, request)

    async def _answer(self, call: Call, request: web.Request) -> web.StreamResponse:
        action = self.faults.next(call)
        if action is not None and (early := await self._before(call, action, request)) is not None:
            return early
        verdict = self.rates.judge(call)
        if verdict.retry_after_s is not None:
            return _limited(verdict.retry_after_s, everywhere=verdict.everywhere, headers=verdict.headers)
        status, body = self._work(call)
        if isinstance(action, Broken):
            return _edge(action.status)
        if isinstance(action, Abort):
            return _cut(request)
        if isinstance(action, Hold) and action.after_work:
            await action.wait()
        return _json(status, body, verdict)

    async def _before(self, call: Call, action: Action, request: web.Request) -> web.StreamResponse | None:
        """What the fault answers in place of the work; None where the work is to be done."""
        match action:
            case RateLimit():
                if not action.via:
                    return _edge(429)
                return _limited(action.retry_after_s, everywhere=action.everywhere)
            case Broken(after_work=False):
                return _edge(action.status)
            case Refuse():
                return self._refused(call, refusal(action.code))
            case Abort(after_work=False):
                return _cut(request)
            case Hold(after_work=False):
                await action.wait()
        return None

    def _work(self, call: Call) -> tuple[int, Any]:
        problems = self._world.problems
        try:
            route = ROUTES.get((call.method, call.template))
            if route is None:
                problems.add(f"{call.method} {call.path}: the stand-in has no such route")
                raise refusal(404)
            if not route.open and call.authorization != f"Bot {self._world.token}":
                raise refusal(401)
            if self._world.spec is not None:
                faults = self._world.spec.request_faults(call.method, call.path, call.query, call.body)
                if faults:
                    problems.add(*faults)
                    raise bad_form(*faults)
            status, body = route.work(call)
        except Refusal as refused:
            status, body = refused.status, refused.body()
        except (KeyError, TypeError, ValueError, AttributeError):
            problems.add(f"{call.method} {call.path}: the stand-in failed\n{traceback.format_exc()}")
            status, body = 500, {"code": 0, "message": "500: Internal Server Error"}
        call.status, call.answer = status, body
        self._check(call, status, body)
        return status, body

    def _refused(self, call: Call, refused: Refusal) -> web.Response:
        self._check(call, refused.status, refused.body())
        return _json(refused.status, refused.body(), Verdict())

    def _check(self, call: Call, status: int, body: Any) -> None:
        """The stand-in's own answers stand under the document too."""
        if self._world.spec is not None and status != 500:
            self._world.problems.add(*self._world.spec.answer_faults(call.method, call.path, status, body))

    def _template(self, path: str) -> str:
        """By the document where it is at hand, by the stand-in's own routes where not."""
        if self._world.spec is not None:
            return self._world.spec.template(path) or path
        templates = sorted({template for _, template in ROUTES}, key=lambda t: (t.count("{"), t))
        return next((t for t in templates if t == path or calls.parameters(t, path)), path)


def _json(status: int, body: Any, verdict: Verdict) -> web.Response:
    headers = verdict.headers | (VIA if status == 429 else {})
    if body is None:
        return web.Response(status=status, headers=headers)
    # No charset: discord.py compares the whole header.
    text = web.json_response(body).body
    return web.Response(status=status, body=text, headers={**headers, "Content-Type": "application/json"})


def _limited(retry_after_s: float, *, everywhere: bool, headers: dict[str, str] | None = None) -> web.Response:
    body = {"message": "You are being rate limited.", "code": 0, "retry_after": retry_after_s, "global": everywhere}
    scope = {"X-RateLimit-Scope": "global" if everywhere else "user", "Retry-After": str(int(retry_after_s) + 1)}
    if everywhere:
        scope["X-RateLimit-Global"] = "true"
    return _json(429, body, Verdict((headers or {}) | scope))


def _edge(status: int) -> web.Response:
    return web.Response(status=status, text=EDGE_PAGE.format(status=status), content_type="text/html")


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=499)
