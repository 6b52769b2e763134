"""A little bot and a hand-made client, for the kit's own tests."""

from __future__ import annotations

import asyncio
import io
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import aiohttp
import discord
import pytest
from discord import app_commands
from PIL import Image

from chatkit.discord import spec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from chatkit.discord.kit import Discord

READY_WITHIN_S = 10
needs_document = pytest.mark.skipif(spec.load() is None, reason="Discord's OpenAPI document is not at hand")


def png(color: str = "orange") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (48, 32), color).save(buffer, "PNG")
    return buffer.getvalue()


@asynccontextmanager
async def running(kit: Discord, bot: discord.Client) -> AsyncIterator[None]:
    """The bot in this process, connected and ready; closed at the end."""
    with kit.reachable():
        task = asyncio.create_task(bot.start(kit.token))
        ready = asyncio.create_task(_ready(kit, bot))
        try:
            await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
            await ready
            yield
        finally:
            ready.cancel()
            await bot.close()
            await asyncio.gather(task, ready, return_exceptions=True)


async def _ready(kit: Discord, bot: discord.Client) -> None:
    await kit.connected()
    await asyncio.wait_for(bot.wait_until_ready(), READY_WITHIN_S)


class Bot(discord.Client):
    """Hears what happens, and has one command of each kind."""

    def __init__(self, *, intents: discord.Intents | None = None) -> None:
        super().__init__(
            intents=intents or discord.Intents.default(),
            allowed_mentions=discord.AllowedMentions.none(),
            guild_ready_timeout=0.05,
        )
        self.heard: list[tuple[str, Any]] = []
        self.tree = app_commands.CommandTree(self)
        self.tree.command()(animate)
        self.tree.command()(edit)
        self.tree.context_menu(name="Animate this picture")(from_menu)

    async def setup_hook(self) -> None:
        await self.tree.set_translator(Italian())
        await self.tree.sync()

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        self.heard.append((event, args[0] if args else None))
        super().dispatch(event, *args, **kwargs)

    def last(self, event: str) -> Any:
        """What came with the latest event of this name; None where none came."""
        return next((what for name, what in reversed(self.heard) if name == event), None)


class Italian(app_commands.Translator):
    WORDS: ClassVar = {"animate": "anima", "seconds": "secondi"}

    async def translate(
        self, string: app_commands.locale_str, locale: discord.Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        return self.WORDS.get(string.message) if locale is discord.Locale.italian else None


@app_commands.rename(length="seconds")
async def animate(
    asked: discord.Interaction,
    image: discord.Attachment,
    prompt: str,
    length: app_commands.Range[int, 1, 60] = 5,
) -> None:
    """Animate a picture."""
    if length > 30:
        await asked.response.send_message("Too long.", ephemeral=True)
        return
    await asked.response.defer(thinking=True)
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Cancel", custom_id="cancel:1"))
    film = discord.File(io.BytesIO(await image.read()), "film.png", description=prompt)
    await asked.followup.send(f"Queued: {prompt}", view=view, file=film)


class Words(discord.ui.Modal, title="Other words"):
    prompt = discord.ui.TextInput(label="Prompt", default="it runs", max_length=100)

    async def on_submit(self, asked: discord.Interaction) -> None:
        await asked.response.send_message(f"Heard: {self.prompt.value}")


async def edit(asked: discord.Interaction) -> None:
    """Change the words."""
    await asked.response.send_modal(Words())


async def from_menu(asked: discord.Interaction, message: discord.Message) -> None:
    names = ", ".join(file.filename for file in message.attachments)
    await asked.response.send_message(f"Pictures: {names}", ephemeral=True)


class Raw:
    """Requests by hand: for what discord.py would never send."""

    def __init__(self, kit: Discord) -> None:
        self._kit = kit
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Raw:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        files: dict[str, bytes] | None = None,
        token: str | None = None,
    ) -> tuple[int, Any]:
        """Status and answer. files: form fields; the body is then their payload_json."""
        assert self._session is not None
        headers = {"Authorization": f"Bot {self._kit.token if token is None else token}"}
        if files is not None:
            form = aiohttp.FormData(quote_fields=False)
            form.add_field("payload_json", json.dumps(body))
            for name, content in files.items():
                form.add_field(name, content, filename="film.mp4", content_type="application/octet-stream")
            data: Any = form
        else:
            data = None if body is None else json.dumps(body)
            headers |= {} if body is None else {"Content-Type": "application/json"}
        url = self._kit.api_url + path
        async with self._session.request(method, url, data=data, headers=headers) as response:
            text = await response.text()
            is_json = response.headers.get("Content-Type") == "application/json"
            return response.status, json.loads(text) if is_json else text
