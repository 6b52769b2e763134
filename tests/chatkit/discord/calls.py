"""One request of the bot, read: where it goes, what it asks, which files came with it."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader

from chatkit.discord.messages import Upload

if TYPE_CHECKING:
    from aiohttp import web

    from chatkit.discord.model import Channel
    from chatkit.discord.world import World


TOKEN_CHARS = 60
"""Steps of a path as long as this are tokens, which nobody wants to read."""


class Unreadable(Exception):
    """A body that is no JSON, or a form without payload_json."""


@dataclass(slots=True)
class Call:
    world: World
    method: str
    path: str
    template: str
    """The path as the OpenAPI document writes it; the path itself where no such route is known."""
    query: dict[str, str]
    body: Any
    files: dict[str, Upload]
    authorization: str | None
    params: dict[str, str] = field(default_factory=dict)
    started_s: float = field(default_factory=time.time)
    status: int = 0
    """What was answered; 0 while it is under way or was cut."""
    answer: Any = None

    def id(self, name: str) -> int:
        return int(self.params[name])

    def channel(self) -> Channel:
        return self.world.channel(self.id("channel_id"))

    def __str__(self) -> str:
        path = "/".join(step if len(step) < TOKEN_CHARS else f"{step[:6]}…" for step in self.path.split("/"))
        return f"{self.method} {path} → {self.status or '…'}"


async def read(request: web.Request) -> tuple[Any, dict[str, Upload]]:
    """Body and files of a request; Unreadable where they cannot be."""
    kind = request.headers.get("Content-Type", "")
    if kind.startswith("multipart/form-data"):
        return await _read_form(request)
    raw = await request.read()
    if not raw:
        return None, {}
    if kind != "application/json":
        raise Unreadable(f"Content-Type {kind!r} with a body")
    try:
        return json.loads(raw), {}
    except ValueError as error:
        raise Unreadable(f"the body is no JSON: {error}") from error


async def _read_form(request: web.Request) -> tuple[Any, dict[str, Upload]]:
    body: Any = None
    files: dict[str, Upload] = {}
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader), "Discord takes no form within a form"
        content = bytes(await part.read(decode=False))
        if part.name == "payload_json":
            try:
                body = json.loads(content)
            except ValueError as error:
                raise Unreadable(f"payload_json is no JSON: {error}") from error
        elif part.filename is None or part.name is None:
            raise Unreadable(f"form field {part.name!r} is neither payload_json nor a file")
        elif part.name in files:
            raise Unreadable(f"form field {part.name!r} stands twice")
        else:
            files[part.name] = Upload(part.filename, content)
    if body is None:
        raise Unreadable("a form without payload_json")
    return body, files


def parameters(template: str, path: str) -> dict[str, str]:
    """What stands in the path for each `{name}` of the template."""
    names = re.findall(r"\{(\w+)\}", template)
    found = re.fullmatch(re.sub(r"\{\w+\}", "([^/]+)", template), path)
    return dict(zip(names, found.groups(), strict=True)) if found else {}
