"""The stand-in as a test holds it: its world, its servers, and where they are reached."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar

import discord.http
import yarl
from aiohttp import web
from discord.asset import Asset
from discord.gateway import DiscordWebSocket

from chatkit.discord.building import Building
from chatkit.discord.cdn import Cdn
from chatkit.discord.gateway import Gateway
from chatkit.discord.model import Message
from chatkit.discord.proxy import Proxy
from chatkit.discord.rest import PREFIX, Rest
from chatkit.discord.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chatkit.discord.calls import Call
    from chatkit.discord.model import Channel, Interaction

T = TypeVar("T")
TOKEN = "MTA.stand-in.token-of-nobody"
REQUEST_BYTES_MAX = 256 * 1024 * 1024
PATIENCE_S = 20.0
"""How long `until` waits before a test fails: far above what anything here takes."""


class Discord(Building):
    """A whole Discord on loopback. Use it as an async context manager.

    proxied_in: a folder for a CA certificate. With it every link is Discord's own (`https://discord.com/…`), and a
    bot reaches the stand-in through `proxy_url`, trusting the certificate in `ca_file`. Without it links are plain
    ones to 127.0.0.1, and `reachable` points discord.py there.
    """

    def __init__(self, *, token: str = TOKEN, proxied_in: Path | None = None) -> None:
        super().__init__(World(token))
        self.token = token
        self.rest = Rest(self.world)
        self.gateway = Gateway(self.world)
        self.cdn = Cdn(self.world)
        self.faults = self.rest.faults
        self.rates = self.rest.rates
        self._proxy = None if proxied_in is None else Proxy(proxied_in, self.world.problems)
        self._runner: web.AppRunner | None = None
        self._base = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=REQUEST_BYTES_MAX)
        app.router.add_route("*", PREFIX + "/{path:.*}", self.rest.handle)
        app.router.add_get(
            r"/{folder:attachments|ephemeral-attachments}/{channel}/{id:\d+}/{filename}", self.cdn.handle
        )
        app.router.add_get("/{folder:avatars|embed|icons}/{path:.*}", self.cdn.avatar)
        app.router.add_get("/", self.gateway.handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self._base = f"http://127.0.0.1:{port}"
        self.world.cdn_base, self.world.gateway_url = self._base, f"ws://127.0.0.1:{port}"
        if self._proxy is not None:
            await self._proxy.start(self._runner)
            self.world.cdn_base, self.world.gateway_url = "https://cdn.discordapp.com", "wss://gateway.discord.gg"
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._proxy is not None:
            await self._proxy.stop()
        await self.gateway.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    # -- where it is -----------------------------------------------------------------------------------------------

    @property
    def api_url(self) -> str:
        """The REST side without TLS or proxy."""
        return self._base + PREFIX

    @property
    def proxy_url(self) -> str:
        """For the bot's `discord.proxy` setting."""
        assert self._proxy is not None, "Discord(proxied_in=…) has a proxy"
        return self._proxy.url

    @property
    def ca_file(self) -> Path:
        assert self._proxy is not None, "Discord(proxied_in=…) has a certificate"
        return self._proxy.ca_file

    def environment(self) -> dict[str, str]:
        """What a bot's process needs in its environment to trust the stand-in."""
        return {"SSL_CERT_FILE": str(self.ca_file)}

    @contextmanager
    def reachable(self) -> Iterator[None]:
        """discord.py in this process talks to the stand-in: its addresses are class attributes meant to be set."""
        before = discord.http.Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY, Asset.BASE
        discord.http.Route.BASE = self.api_url
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(self.world.gateway_url)
        Asset.BASE = self._base  # pyright: ignore[reportAttributeAccessIssue] # a str, narrowed to its own literal
        try:
            yield
        finally:
            discord.http.Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY, Asset.BASE = before

    # -- waiting and looking ---------------------------------------------------------------------------------------

    async def until(self, look: Callable[[], T | None], *, within_s: float = PATIENCE_S) -> T:
        """The first true answer of `look`, asked after every change. Says what happened where none comes."""
        try:
            return await self.world.until(look, within_s=within_s)
        except TimeoutError:
            raise AssertionError(f"nothing came within {within_s} s\n{self.story()}") from None

    async def connected(self) -> None:
        """Until the bot is connected with every shard."""
        await self.until(lambda: self.gateway.connected)

    async def acknowledged(self, interaction: Interaction) -> Interaction:
        """Until the bot has answered in any way."""
        return await self.until(lambda: interaction if interaction.acknowledged else None)

    async def answer(self, interaction: Interaction) -> Message:
        """Until the bot's answer is a message and no longer "thinking …"."""
        return await self.until(lambda: _complete(interaction))

    async def posted(
        self,
        channel: Channel,
        where: Callable[[Message], Any] = bool,
        *,
        after: int = 0,
        within_s: float = PATIENCE_S,
    ) -> Message:
        """Until the bot has a message here of which `where` holds; `after`: newer than this message id."""

        def look() -> Message | None:
            own = (m for m in channel.messages.values() if m.author is self.world.bot and m.id > after)
            return next((message for message in own if where(message)), None)

        return await self.until(look, within_s=within_s)

    def calls(self, method: str | None = None, template: str | None = None) -> list[Call]:
        """The bot's requests so far, all or those of one route."""
        return [c for c in self.rest.calls if method in (None, c.method) and template in (None, c.template)]

    def unanswered(self) -> list[Interaction]:
        """Interactions that the bot never acknowledged: each shows "The application did not respond"."""
        return [i for i in self.world.interactions.values() if not i.acknowledged]

    def problems(self) -> list[str]:
        """Every broken rule of Discord's so far. A test ends with `assert kit.problems() == []`."""
        return list(self.world.problems.found)

    def story(self) -> str:
        """The last requests and the problems, for a failing test."""
        lines = [f"{time.strftime('%H:%M:%S', time.localtime(c.started_s))} {c}" for c in self.rest.calls[-30:]]
        return "\n".join([*lines, *(f"problem: {problem}" for problem in self.world.problems.found)])


def _complete(interaction: Interaction) -> Message | None:
    message = interaction.response
    return message if message is not None and not message.loading else None
