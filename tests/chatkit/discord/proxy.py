"""A way into the stand-in for a bot in a process of its own: a CONNECT proxy and a certificate for Discord's names.

The bot asks the proxy for discord.com:443 as in the world; the tunnel ends at the stand-in, whose certificate is
signed by a CA made for this test alone. Any other name is refused and noted as a problem: a bot under test reaches
nothing else.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import trustme
from aiohttp import web

if TYPE_CHECKING:
    from pathlib import Path

    from chatkit.discord.problems import Problems

HOSTS = ("discord.com", "gateway.discord.gg", "cdn.discordapp.com", "media.discordapp.net")
CHUNK = 64 * 1024


class Proxy:
    def __init__(self, folder: Path, problems: Problems) -> None:
        self.ca_file = folder / "ca.pem"
        self.tunnels: list[str] = []
        """Where the bot asked to go."""
        self._problems = problems
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(self.ca_file)
        self._server: asyncio.Server | None = None
        self._tls_port = 0
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self, runner: web.AppRunner) -> None:
        """Serve the same application under TLS, and open the way to it."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert(*HOSTS).configure_cert(context)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        self._tls_port = runner.addresses[-1][1]
        self._server = await asyncio.start_server(self._tunnel, "127.0.0.1", 0)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.close()

    def cut(self) -> None:
        """Every tunnel breaks."""
        for writer in self._open:
            writer.transport.abort()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            writer.close()
            return
        self.tunnels.append(target)
        host, _, port = target.partition(":")
        if method != "CONNECT" or host not in HOSTS or port != "443":
            self._problems.add(f"the bot asked the proxy for {method} {target}")
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        there_reader, there = await asyncio.open_connection("127.0.0.1", self._tls_port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._open |= {writer, there}
        try:
            await asyncio.gather(_pour(reader, there), _pour(there_reader, writer))
        finally:
            self._open -= {writer, there}


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
