"""A bot in its own process reaches the stand-in under Discord's own names, through a proxy and a test's certificate."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from chatkit.discord import Discord, File
from chatkit.discord.sample import png

if TYPE_CHECKING:
    from pathlib import Path

# Nothing in this program knows of the stand-in but the address of a proxy.
PROGRAM = """
import asyncio, sys
import discord
from discord import app_commands

client = discord.Client(intents=discord.Intents.default(), proxy=sys.argv[1])
tree = app_commands.CommandTree(client)

@tree.command()
async def size(asked: discord.Interaction, image: discord.Attachment) -> None:
    "How many bytes this is."
    await asked.response.defer()
    assert image.url.startswith("https://cdn.discordapp.com/"), image.url
    await asked.followup.send(f"{len(await image.read())} bytes")

@client.event
async def setup_hook():
    await tree.sync()

client.run(sys.argv[2])
"""


async def test_an_untouched_program_talks_to_the_stand_in(tmp_path: Path):
    async with Discord(proxied_in=tmp_path) as kit:
        guild = kit.guild("Foxes")
        room = kit.text(guild, "animations")
        mia = kit.person("mia", guild)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, kit.proxy_url, kit.token, env={**os.environ, **kit.environment()}
        )
        try:
            await kit.until(lambda: kit.gateway.connected and kit.world.commands, within_s=30)
            answer = await kit.answer(mia.slash(room, "size", image=File("fox.png", png())))
            assert answer.content == f"{len(png())} bytes"
            (session,) = kit.gateway.sessions.values()
            kit.gateway.abort()
            await kit.until(lambda: session.resumes == 1)
        finally:
            process.terminate()
            await process.wait()
        assert kit.problems() == []


async def test_nothing_else_is_reachable_through_the_proxy(tmp_path: Path):
    async with Discord(proxied_in=tmp_path) as kit:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(kit.proxy_url.rsplit(":", 1)[1]))
        writer.write(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 403")
        writer.close()
        assert kit.world.problems.take() == ["the bot asked the proxy for CONNECT example.com:443"]
